// Package report is the job that gathers what the steps of a run wrote and
// renders it as one HTML page. Every input is optional: a page has the sections
// that the run has results for.
package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	page "github.com/gymline/gymline/internal/report"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/trace"
)

// Format is the version of the job's output; raising it renders pages anew.
const Format = 6

// Run writes report.html and, when there was a gym, its statistics over all shards.
func Run(ctx context.Context, t *job.Task) error {
	t.Plan(1)
	var p plan.Report
	if err := t.Params(&p); err != nil {
		return err
	}
	d := &page.Data{Title: p.Title, Experiment: p.Experiment, Digest: string(p.Digest), Seed: t.Seed}
	if p.Anew != nil {
		d.AskedAnew = p.Anew.String()
	}
	for _, own := range p.Prompts {
		d.Prompts = append(d.Prompts, own.String())
	}
	if err := errors.Join(
		document(ctx, t, "metrics", &d.Evaluation), document(ctx, t, "reward-metrics", &d.Reward), document(ctx, t, "curation", &d.Curation),
		gym(ctx, t, d), export(ctx, t, d), ledger(ctx, t, d), samples(ctx, t, d), sessions(ctx, t, d),
	); err != nil {
		return err
	}
	if err := page.Write(t.Create(plan.ReportOutput, job.HTML), d); err != nil {
		return err
	}
	if d.Gym != nil {
		if err := t.WriteJSON(plan.GymOutput, d.Gym); err != nil {
			return err
		}
	}
	t.Done(rows.Accepted)
	return nil
}

// document reads an input that is one JSON document, if there is that input.
func document[T any](ctx context.Context, t *job.Task, name string, into **T) error {
	if !t.Has(name) {
		return nil
	}
	*into = new(T)
	return t.ReadJSON(ctx, name, *into)
}

// gym merges the statistics of generate's shards, one JSON document each.
func gym(ctx context.Context, t *job.Task, d *page.Data) error {
	const name = "generate-stats"
	if !t.Has(name) {
		return nil
	}
	r, err := t.Open(ctx, name)
	if err != nil {
		return err
	}
	defer r.Close()
	d.Gym = &trace.Stats{}
	for dec := json.NewDecoder(r); ; {
		var shard trace.Stats
		err := dec.Decode(&shard)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("input %s: %w", name, err)
		}
		d.Gym.Merge(&shard)
	}
	return nil
}

// ledger sums the rows of every stage, in the order of the line.
func ledger(ctx context.Context, t *job.Task, d *page.Data) error {
	for _, stage := range []struct{ input, name string }{
		{"generate-rows", plan.JobGenerate}, {"curate-rows", plan.JobCurate}, {"reward-rows", plan.JobReward},
		{"export-rows", plan.JobExport}, {"predict-rows", plan.JobPredict},
	} {
		if !t.Has(stage.input) {
			continue
		}
		counts := rows.Counts{Stage: stage.name}
		err := job.Each(ctx, t, stage.input, func(_ int, r *rows.Row) error { return counts.Add(*r) })
		if err != nil {
			return err
		}
		d.Ledger = append(d.Ledger, counts)
	}
	return nil
}
