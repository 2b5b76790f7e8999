package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"time"

	"github.com/gymline/gymline/internal/checkpoint"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// errOverdue ends a program that is still training at its deadline.
var errOverdue = errors.New("the deadline has passed")

// train runs the experiment's own trainer on this machine, unless the checkpoint
// is there already: from an attempt that ended before its step was recorded, or
// put by hand after one that failed.
func (h *handOff) train(ctx context.Context) (store.Checkpoint, error) {
	found, err := h.task.Checkpoint(ctx, h.params.Name)
	if !errors.Is(err, store.ErrNotFound) {
		return found, err
	}
	left := h.deadline.Sub(h.task.Now())
	if left <= 0 {
		return found, h.overdue()
	}
	within, cancel := context.WithTimeoutCause(ctx, left, errOverdue)
	defer cancel()
	program := job.Program{
		Args: h.params.Command, Apart: h.params.Kind == plan.TrainContainer,
		Env: []string{
			"GYMLINE_RUN=" + string(h.task.Run()), "GYMLINE_BASE=" + h.params.Base,
			"GYMLINE_SEED=" + strconv.FormatUint(h.task.Seed, 10),
		},
		Fill: h.fill,
		// What was trained in time is taken, however long its upload takes.
		Take: func(_ context.Context, made fs.FS) (err error) {
			found, err = h.take(ctx, made, store.Intake{Anew: true})
			return err
		},
	}
	err = h.task.Exec(within, program)
	if err != nil && ctx.Err() == nil && errors.Is(context.Cause(within), errOverdue) && errors.Is(err, context.DeadlineExceeded) {
		return found, h.killed()
	}
	return found, h.verdict(err)
}

// fill writes the export's files under their own names.
func (h *handOff) fill(ctx context.Context, create func(name string) (io.WriteCloser, error)) error {
	for _, a := range h.files {
		if err := h.write(ctx, a, create); err != nil {
			return fmt.Errorf("write the export's %s: %w", a.Name, err)
		}
	}
	return nil
}

func (h *handOff) write(ctx context.Context, a store.Artifact, create func(name string) (io.WriteCloser, error)) error {
	r := h.task.OpenArtifact(ctx, a)
	defer r.Close()
	w, err := create(a.Name)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, w.Close())
}

// take checks and stores what the trainer left or handed in.
func (h *handOff) take(ctx context.Context, made fs.FS, in store.Intake) (store.Checkpoint, error) {
	facts, err := checkpoint.Inspect(made, h.params.Base)
	if err != nil {
		did, hint := "the command succeeded", "the command has to leave the checkpoint in the folder that $GYMLINE_CHECKPOINT names"
		if h.params.Kind == plan.TrainTrainJob {
			did, hint = "the trainer handed something in", "a run takes one hand-in: mend the trainer, and start another run"
		}
		return store.Checkpoint{}, fault.New(fault.Permanent, fmt.Errorf("train %s: %s, but %w", h.params.Name, did, err), hint)
	}
	data, left, err := checkpoint.Data(made)
	if len(left) > 0 {
		h.task.Log.Warn("files of the checkpoint are left out, since loading them runs code", "files", left.String())
	}
	var tree store.Tree
	if err == nil {
		tree, err = h.task.PutTree(ctx, data, in)
	}
	if err != nil {
		return store.Checkpoint{}, fmt.Errorf("train %s: store the checkpoint: %w", h.params.Name, err)
	}
	return h.task.PutCheckpoint(ctx, store.Checkpoint{
		Name: h.params.Name, Tree: tree, Kind: facts.Kind, Base: facts.Base, Architecture: facts.Architecture,
	})
}

func (h *handOff) killed() error {
	return fault.New(fault.Permanent,
		fmt.Errorf("train %s: the command was stopped at its deadline: %s from %s, when the export was there", h.params.Name, h.params.Deadline, h.since.UTC().Format(time.RFC3339)),
		"raise train."+h.params.Name+".deadline, and run again")
}

// verdict says what a program's end means: it asks for another attempt with the
// exit code 75, as gymline's own commands do.
func (h *handOff) verdict(err error) error {
	exit, ok := errors.AsType[*job.Exit](err)
	if !ok {
		return err
	}
	err = fmt.Errorf("train %s: the command ended with %w", h.params.Name, exit)
	switch {
	case exit.Signal != "":
		return fault.New(fault.Temporary, err, "if memory ran out, give the trainer more or a smaller batch")
	case exit.Code == fault.Temporary:
		return fault.New(fault.Temporary, err, "")
	}
	return fault.New(fault.Permanent, err, "its log is above; mend the command, and run again")
}
