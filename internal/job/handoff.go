package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
)

// This file is what a hand-off to a trainer needs beside a job's usual inputs
// and outputs: it waits for what a run gets from outside, so it knows its run.

// A Runner runs a program of this machine; the process edge supplies it.
type Runner interface {
	// Run makes two fresh folders, has p.Fill fill the first, runs the program,
	// and lets p.Take read the second. Nothing of it, folders and processes, is
	// left when it returns. A program that ended badly is an *Exit; when ctx
	// ends, the program is asked to leave, then killed, and the error is ctx's.
	Run(ctx context.Context, p Program) error
}

// A Program is one call of a Runner.
type Program struct {
	Args []string // program and arguments
	Env  []string // NAME=value, beside what the edge lets through
	// Apart says that the program is another image's: it runs in a container of its
	// own, and never in that of the job.
	Apart bool
	Fill  func(ctx context.Context, create func(name string) (io.WriteCloser, error)) error
	Take  func(ctx context.Context, made fs.FS) error
}

// An Exit is a program that ended badly.
type Exit struct {
	Code   int    // 0 when a signal ended it
	Signal string // its name, or ""
	Last   string // the last line on stderr
}

func (e *Exit) Error() string {
	how := fmt.Sprintf("exit code %d", e.Code)
	if e.Signal != "" {
		how = "killed by " + e.Signal
	}
	return how + ": " + cmp.Or(e.Last, "it said nothing")
}

// Run is the run that the shard belongs to. Nothing digested may depend on it.
func (t *Task) Run() store.RunID { return t.opened.Record.ID }

// Now is the clock. Nothing digested may depend on it.
func (t *Task) Now() time.Time { return t.env.Now() }

// Upstream returns the records of all shards of the steps before this one.
func (t *Task) Upstream(ctx context.Context) ([]store.Step, error) {
	var records []store.Step
	for _, in := range t.Step.Reads(t.Shard) {
		of, err := t.opened.Steps(ctx, in.Step)
		if err != nil {
			return nil, fmt.Errorf("step %s needs %s: %w", t.Step.Name, in.Step, err)
		}
		records = append(records, of...)
	}
	return records, nil
}

// OpenArtifact streams one output of an earlier step, verified.
func (t *Task) OpenArtifact(ctx context.Context, a store.Artifact) io.ReadCloser {
	return t.opened.store.Concat(ctx, []store.Artifact{a})
}

// Checkpoint returns the trained model that came back to this run, or
// store.ErrNotFound.
func (t *Task) Checkpoint(ctx context.Context, name string) (store.Checkpoint, error) {
	return t.opened.store.ReadCheckpoint(ctx, t.opened.Record.ID, name)
}

// HandedIn returns what a trainer handed in that may not write the run's records:
// the folder, each byte of which is verified and stored by now, and how to take it
// in without reading it again. store.ErrNotFound means that there is none yet.
func (t *Task) HandedIn(ctx context.Context, name string) (fs.FS, store.Intake, error) {
	in, err := t.opened.store.HandIn(t.opened.Record.ID, name)
	if err != nil {
		return nil, store.Intake{}, err
	}
	c, err := in.ReadCheckpoint(ctx, t.opened.Record.ID, name)
	if err != nil {
		return nil, store.Intake{}, err
	}
	given, err := in.OpenTree(ctx, c.Tree.Digest)
	if err == nil {
		given, err = t.opened.store.Adopt(ctx, given)
	}
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrCorrupt): // its record is put last
		return nil, store.Intake{}, fault.New(fault.Permanent, fmt.Errorf("what was handed in as %s is not whole: %v", name, err), "hand the checkpoint in to another run") //nolint:errorlint // it is no sign that nothing was handed in
	case err != nil:
		return nil, store.Intake{}, err
	}
	return given.FS(ctx), store.Intake{Known: given.Known()}, nil
}

// PutTree stores a folder.
func (t *Task) PutTree(ctx context.Context, fsys fs.FS, in store.Intake) (store.Tree, error) {
	return t.opened.store.PutTree(ctx, fsys, in)
}

// PutCheckpoint records a trained model of this run, and returns the record that
// holds: the first.
func (t *Task) PutCheckpoint(ctx context.Context, c store.Checkpoint) (store.Checkpoint, error) {
	c.Run, c.Put = t.opened.Record.ID, store.Stamp(t.env.Now())
	err := t.opened.store.PutCheckpoint(ctx, c)
	if err != nil && !errors.Is(err, store.ErrExists) {
		return c, err
	}
	return t.opened.store.ReadCheckpoint(ctx, t.opened.Record.ID, c.Name)
}

// Exec runs a program of this machine.
func (t *Task) Exec(ctx context.Context, p Program) error {
	if t.env.Exec == nil {
		return fmt.Errorf("step %s: programs cannot be run here", t.Step.Name)
	}
	return t.env.Exec.Run(ctx, p)
}
