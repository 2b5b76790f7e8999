package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/otlp"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// openExporter begins to send to the OpenTelemetry collector that the environment names;
// nil: it names none. What hinders that is said, and takes nothing from the run.
func openExporter(edge *cli.Edge) *otlp.Exporter {
	config, problems := otlp.FromEnv(edge.Getenv)
	for _, err := range problems {
		fmt.Fprintf(edge.Stderr, "OpenTelemetry: %v\n", err)
	}
	if config == nil {
		return nil
	}
	return otlp.Open(config, version(), edge.Now)
}

// closeExporter sends what is left, and says what was not taken.
func closeExporter(edge *cli.Edge, x *otlp.Exporter) {
	if err := x.Close(); err != nil {
		edge.PrintError(fmt.Errorf("OpenTelemetry: %w", err))
	}
}

// exported shows a printer's events to the collector as well; flush sends what is left.
func exported(edge *cli.Edge, out printer) (shown printer, flush func()) {
	x := openExporter(edge)
	if x == nil {
		return out, func() {}
	}
	return sending{out, x}, func() { closeExporter(edge, x) }
}

type sending struct {
	printer
	*otlp.Exporter
}

func (s sending) Emit(e progress.Event) {
	s.Exporter.Emit(e)
	s.printer.Emit(e)
}

func (s sending) end(ctx context.Context, ended progress.Event, err error) error {
	s.Exporter.Emit(ended)
	return s.printer.end(ctx, ended, err)
}

// exported does so for a submitted run, unless its pod that seals it does: measures as
// they are seen, and once the run has ended its trace from its records, which know when.
func (c *onArgo) exported(ctx context.Context, edge *cli.Edge, id store.RunID, out printer) (shown printer, flush func()) {
	if slices.ContainsFunc(otlp.Endpoints(), func(name string) bool { _, there := c.profile.Spec.Argo.Secrets[name]; return there }) {
		return out, func() {}
	}
	x := openExporter(edge)
	if x == nil {
		return out, func() {}
	}
	if head, err := run.ReadHead(ctx, c.st, id); err == nil {
		x.Since(head.Opened())
	}
	return watching{out, x, c.st, edge}, func() { closeExporter(edge, x) }
}

type watching struct {
	printer
	*otlp.Exporter
	st   *store.Store
	edge *cli.Edge
}

func (w watching) Emit(e progress.Event) {
	w.Measure(e)
	w.printer.Emit(e)
}

func (w watching) end(ctx context.Context, ended progress.Event, err error) error {
	w.Measure(ended)
	if ended.State != "" { // else it goes on unseen
		w.tellAgain(ctx, ended)
	}
	return w.printer.end(ctx, ended, err)
}

func (w watching) tellAgain(ctx context.Context, ended progress.Event) {
	story, err := storyOf(ctx, w.st, ended)
	if err != nil {
		w.edge.PrintError(fmt.Errorf("OpenTelemetry: no trace is sent: %w", err))
	}
	for _, told := range story {
		w.Trace(told.At, told.Event)
	}
}

// exportSealed sends the trace and the measures of a run that was sealed, from its records.
func exportSealed(ctx context.Context, edge *cli.Edge, st *store.Store, head run.Head, ended progress.Event) {
	x := openExporter(edge)
	if x == nil {
		return
	}
	defer closeExporter(edge, x)
	x.Since(head.Opened())
	story, err := storyOf(ctx, st, ended)
	if err != nil {
		edge.PrintError(fmt.Errorf("OpenTelemetry: nothing is sent: %w", err))
	}
	for _, told := range story {
		x.Measure(told.Event)
		x.Trace(told.At, told.Event)
	}
}

// storyOf is a sealed run's, with its end.
func storyOf(ctx context.Context, st *store.Store, ended progress.Event) ([]run.Told, error) {
	r, err := run.Read(ctx, st, store.RunID(ended.Run))
	if err != nil {
		return nil, err
	}
	at, err := store.ParseStamp(r.Finished)
	if err != nil {
		return nil, fmt.Errorf("run %s is not sealed", r.ID)
	}
	return append(r.Story(), run.Told{At: at, Event: ended}), nil
}
