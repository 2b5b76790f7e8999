package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/dataset"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
	"github.com/gymline/gymline/internal/trace"
)

// A printer shows a run: its events, its jobs' logs between them, its results,
// and how it ended.
type printer interface {
	progress.Sink
	io.Writer
	// results shows what a run that succeeded came to.
	results(ctx context.Context, st *store.Store, p *plan.Plan, ended *progress.Event) error
	// end shows the last event and err, and returns the error for the edge.
	end(ctx context.Context, ended progress.Event, err error) error
}

func newPrinter(edge *cli.Edge, output string) printer {
	if output == "json" {
		return &jsonPrinter{progress.NewJSON(edge.Stdout), edge.Stderr, edge}
	}
	return &textPrinter{Terminal: newTerminal(edge), edge: edge}
}

func newTerminal(edge *cli.Edge) *cli.Terminal {
	return cli.NewTerminal(edge.Screen(), cli.TerminalOptions{
		Width: edge.Width, Live: edge.Terminal, Color: edge.Terminal && edge.Getenv("NO_COLOR") == "", Now: edge.Now,
	})
}

// failed says in a run's last event why it did not succeed.
func failed(ended progress.Event, err error) progress.Event {
	if err != nil && ended.State != store.Succeeded {
		return ended.Because(err)
	}
	return ended
}

// A textPrinter is for people.
type textPrinter struct {
	*cli.Terminal
	edge   *cli.Edge
	scores *metrics.Evaluation
}

// addResults adds to a run's end its scores, nil where it has none, and what must be
// known of its rows and its export.
func addResults(ctx context.Context, st *store.Store, p *plan.Plan, ended *progress.Event) (scores *metrics.Evaluation, err error) {
	for _, of := range []struct {
		step   store.StepName
		output string
		doc    interface{ Warnings() []string }
	}{{plan.JobCurate, plan.CurationOutput, new(trace.Curation)}, {plan.JobExport, plan.ManifestOutput, new(dataset.Manifest)}} {
		if p.Step(of.step) == nil {
			continue
		}
		if err := run.ReadOutput(ctx, st, store.RunID(ended.Run), of.step, of.output, of.doc); err != nil {
			return nil, err
		}
		ended.Warnings = append(ended.Warnings, of.doc.Warnings()...)
	}
	for _, about := range []func(context.Context, *store.Store, *plan.Plan, store.RunID) ([]string, error){gymWarnings, servedWarnings} {
		warnings, err := about(ctx, st, p, store.RunID(ended.Run))
		if err != nil {
			return nil, err
		}
		ended.Warnings = append(ended.Warnings, warnings...)
	}
	if p.Step(plan.JobEvaluate) == nil {
		return nil, nil
	}
	scores = new(metrics.Evaluation)
	if err := run.ReadOutput(ctx, st, store.RunID(ended.Run), plan.JobEvaluate, plan.MetricsOutput, scores); err != nil {
		return nil, err
	}
	for _, c := range scores.Candidates {
		ended.Scores = append(ended.Scores, progress.Score{Candidate: c.Name, F1: c.F1, F1CI: c.F1CI, Recall: c.Recall, Precision: c.Precision})
	}
	return scores, nil
}

func (t *textPrinter) results(ctx context.Context, st *store.Store, p *plan.Plan, ended *progress.Event) (err error) {
	if t.scores, err = addResults(ctx, st, p, ended); err == nil {
		saveReport(ctx, t.edge, st, ended)
	}
	return err
}

func (t *textPrinter) end(ctx context.Context, ended progress.Event, err error) error {
	if ended.Run != "" {
		t.Emit(ended)
	}
	t.Close()
	if ended.State != store.Succeeded {
		if t.ToldFailure() {
			return cli.Shown(err)
		}
		return err
	}
	if t.scores != nil {
		fmt.Fprintln(t.edge.Stdout)
		cli.WriteF1Table(t.edge.Stdout, t.edge.Columns(), t.scores)
		if t.scores.Timing != nil {
			fmt.Fprintln(t.edge.Stdout)
			cli.WriteTimingTable(t.edge.Stdout, t.edge.Columns(), t.scores)
		}
	}
	if len(ended.Warnings) > 0 {
		fmt.Fprintln(t.edge.Stdout)
	}
	for _, warning := range ended.Warnings {
		fmt.Fprint(t.edge.Stdout, t.edge.Lines("! "+warning+"\n", "  "))
	}
	_, writeErr := fmt.Fprintf(t.edge.Stdout, "\nrun     %s\n", ended.Run)
	if ended.Report != "" && writeErr == nil {
		_, writeErr = fmt.Fprintf(t.edge.Stdout, "report  %s\n", ended.Report)
	}
	if g := ended.Gate; g != nil && g.Passed && writeErr == nil { // a broken one is err
		_, writeErr = fmt.Fprintf(t.edge.Stdout, "gate    %s\n", text.Line(strings.TrimPrefix(g.Sentence, "gate ")))
	}
	return errors.Join(err, writeErr)
}

// A jsonPrinter is for scripts: one event a line, the run's end last.
type jsonPrinter struct {
	*progress.JSON
	io.Writer
	edge *cli.Edge
}

func (j *jsonPrinter) results(ctx context.Context, st *store.Store, p *plan.Plan, ended *progress.Event) error {
	_, err := addResults(ctx, st, p, ended)
	if err == nil {
		saveReport(ctx, j.edge, st, ended)
	}
	return err
}

func (j *jsonPrinter) end(_ context.Context, ended progress.Event, err error) error {
	j.Emit(ended)
	return errors.Join(err, j.Err())
}

// saveReport copies the report of a run to a file and names it in the event.
// The run has succeeded all the same when there is no place for the file.
func saveReport(ctx context.Context, edge *cli.Edge, st *store.Store, ended *progress.Event) {
	file := filepath.Join(reportsDir, ended.Run+".html")
	if err := writeReport(ctx, st, store.RunID(ended.Run), file, edge.Now()); err != nil {
		edge.PrintError(fmt.Errorf("the run succeeded, but its report was not written to a file: %w", err))
		return
	}
	ended.Report = file
}
