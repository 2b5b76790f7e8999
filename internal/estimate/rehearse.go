package estimate

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

const runID = store.RunID("rehearsal-1")

// A rehearsal does a small part of a plan's work in a store of its own.
type rehearsal struct {
	plan *plan.Plan
	opt  Options
	st   *store.Store

	small plan.Plan // what is rehearsed
	files map[string]map[string][]byte
	tasks []task

	warned   map[plan.File]bool // benchmarks that were looked at for long traces
	warnings []string
}

// A task is one shard of the small plan, and what becomes of its count.
type task struct {
	which    job.Shard
	stratum  int
	dialogue bool
	keyed    bool // its requests may be another's, too
	parts    func(*counter) unit
}

// run returns the sample's units by stratum.
func (r *rehearsal) run(ctx context.Context) ([][]unit, error) {
	r.small = plan.Plan{Version: plan.Version, Experiment: r.plan.Experiment, Seed: r.plan.Seed, Inputs: map[string]store.Digest{}}
	r.files = map[string]map[string][]byte{}
	strata := 0
	for i := range r.plan.Steps {
		step := &r.plan.Steps[i]
		var err error
		switch step.Job {
		case plan.JobGenerate:
			err = r.generate(step, &strata)
		case plan.JobPredict:
			err = r.predict(step, &strata)
		case plan.JobAnchors:
			err = r.anchors(step, &strata)
		}
		if err != nil {
			return nil, fmt.Errorf("step %s: %w", step.Name, err)
		}
	}
	if len(r.tasks) == 0 {
		return nil, nil
	}
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	counters := make([]*counter, len(r.tasks))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, t := range r.tasks {
		group.Go(func() error {
			c := newCounter(t)
			counters[i] = c
			_, err := job.Run(ctx, job.Env{
				Store: r.st, Models: c, Log: slog.New(slog.DiscardHandler), Events: progress.NewJSON(io.Discard), Now: r.opt.Now, InFlight: 1,
			}, r.opt.Jobs, t.which)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	out := make([][]unit, strata)
	asked := map[llm.Key]bool{}
	for i, t := range r.tasks {
		counters[i].settle(asked)
		out[t.stratum] = append(out[t.stratum], t.parts(counters[i]))
	}
	return out, nil
}

// open puts the sample's files and plan into the store.
func (r *rehearsal) open(ctx context.Context) error {
	for name, files := range r.files {
		var list []store.TreeFile
		for _, f := range r.opt.Trees[name].Files(".") { // which are sorted
			data, ok := files[f.Path]
			if !ok {
				continue
			}
			d, err := r.st.PutBlob(ctx, data)
			if err != nil {
				return err
			}
			list = append(list, store.TreeFile{Path: f.Path, Digest: d, Bytes: int64(len(data))})
		}
		data, err := json.Marshal(list)
		if err != nil {
			return err
		}
		if r.small.Inputs[name], err = r.st.PutBlob(ctx, data); err != nil {
			return err
		}
	}
	if err := r.st.CreateRun(ctx, store.Run{ID: runID, Experiment: r.plan.Experiment}); err != nil {
		return err
	}
	raw, err := r.small.Encode()
	if err != nil {
		return err
	}
	return r.st.PutPlan(ctx, runID, raw)
}

// read takes a file of an input into the sample.
func (r *rehearsal) read(input, file string) ([]byte, error) {
	if data, ok := r.files[input][file]; ok {
		return data, nil
	}
	data, err := r.opt.Read(input, file)
	if err == nil {
		r.put(input, file, data)
	}
	return data, err
}

func (r *rehearsal) put(input, file string, data []byte) {
	if r.files[input] == nil {
		r.files[input] = map[string][]byte{}
	}
	r.files[input][file] = data
}

func (r *rehearsal) reused(step *plan.Step, shard int) bool {
	return r.opt.Reused != nil && r.opt.Reused(step.Name, shard)
}
