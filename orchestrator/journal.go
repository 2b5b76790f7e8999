package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/journal"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

// logsDir is where runs of this machine keep what they said.
const logsDir = ".gymline/logs"

// A kept printer keeps what it shows from the moment at which the run has a name.
type kept struct {
	printer
	edge    *cli.Edge
	profile string // its name
	log     *journal.Journal
}

func (k *kept) Emit(e progress.Event) {
	if e.Type == progress.RunOpened && k.log == nil {
		var err error
		if k.log, err = journal.Begin(logsDir, k.profile, store.RunID(e.Run), k.edge.Now); err != nil {
			k.edge.PrintError(fmt.Errorf("what the run says is not kept for 'gymline logs': %w", err))
		}
	}
	if k.log != nil {
		k.log.Emit(e)
	}
	k.printer.Emit(e)
}

func (k *kept) Write(p []byte) (int, error) {
	if k.log != nil {
		_, _ = k.log.Write(p)
	}
	return k.printer.Write(p)
}

func (k *kept) end(ctx context.Context, ended progress.Event, err error) error {
	if k.log != nil {
		k.log.Emit(ended)
		k.log.Close()
	}
	return k.printer.end(ctx, ended, err)
}

// printJournal prints what a run of this machine said, or what it said of a step or shard.
func (o *logsOptions) printJournal(edge *cli.Edge, profile string, id store.RunID) error {
	if o.follow {
		return fault.New(fault.Usage, errors.New("-f is for submitted runs; one of this machine is shown where it was started"), "leave -f out")
	}
	err := journal.Read(logsDir, profile, id, func(l journal.Line) error {
		if !o.wants(l.Event) {
			return nil
		}
		at := ""
		if t, err := store.ParseStamp(l.At); err == nil {
			at = t.UTC().Format("15:04:05")
		}
		if l.Event == nil {
			_, err := fmt.Fprintf(edge.Stdout, "%s | %s\n", at, l.Text)
			return err
		}
		return writeEvent(edge.Stdout, at, l.Event)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Usage, fmt.Errorf("nothing is kept here of what run %s said", id),
			fmt.Sprintf("%s has the latest %d runs that were started in this folder; 'gymline show %s' reads the store", logsDir, journal.Kept, id))
	}
	return err
}

// wants reports whether a line is shown; what a job wrote does not say of which shard.
func (o *logsOptions) wants(e *progress.Event) bool {
	return o.step == "" || e != nil && e.Step == o.step && (o.shard < 0 || o.shard == e.Shard)
}

func writeEvent(w io.Writer, at string, e *progress.Event) error {
	what := cmp.Or(e.State, strings.ReplaceAll(e.Type, "-", " "))
	switch e.Type {
	case progress.StepState:
		what = fmt.Sprintf("%s/%d %s", e.Step, e.Shard, e.State)
		if e.Attempt > 1 {
			what += fmt.Sprintf(", attempt %d", e.Attempt)
		}
	case progress.RunOpened:
		what = fmt.Sprintf("run %s opened: %s", e.Run, text.Plural(len(e.Steps), "step"))
	case progress.RunEnded:
		what = fmt.Sprintf("run %s ended: %s", e.Run, e.State)
	}
	if e.Cause != "" {
		what += ": " + e.Cause
	}
	if e.Hint != "" {
		what += " → " + e.Hint
	}
	_, err := fmt.Fprintf(w, "%s %s\n", at, text.Line(what))
	return err
}
