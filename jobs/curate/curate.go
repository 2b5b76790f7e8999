// Package curate is the job that chooses which of the gym's rows are used: it
// leaves out near-duplicates and what the benchmark holds, balances verdicts and
// fills a quota for each domain.
//
// It reads the episodes twice and keeps no text between: of each judged turn it
// holds 60 bytes and 8 for each distinct three words of its event and tasks, of
// each session and scene the ID, and 8 bytes for each three words of a scene.
// What is left out depends on the order of scenes, sessions and turns, and on
// the seed, alone.
package curate

import (
	"context"
	"errors"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/leak"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/similar"
	"github.com/gymline/gymline/internal/trace"
)

// Format is the version of this job's outputs.
const Format = 1

// Run is the job. It reads plan.Curate and writes all episodes with what is
// excluded, the row ledger, and trace.Curation. A row is a verdict on a turn of
// an episode; see trace.Judged. Turns without a usable verdict are no rows, and
// pass through as they are.
func Run(ctx context.Context, t *job.Task) error {
	c := &curator{task: t, domains: map[string]*domain{}, pairs: pairs{texts: map[string]string{}}}
	if err := t.Params(&c.params); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		c.readInputs, c.readScenes, c.survey, c.choose, c.recall, c.write,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

type curator struct {
	task   *job.Task
	params plan.Curate

	gate    *leak.Gate // nil without a benchmark
	inputs  []trace.LeakingInput
	written *leak.Tally // of scenes that a model wrote

	finished   int // scenes, which come first
	scenes     int
	duplicates map[string]string // scene → the earlier one that it is like

	sessions []session
	turns    []turn
	corpus   similar.Corpus // of turns, by their index
	rows     int
	domains  map[string]*domain

	pairs      pairs
	unfinished int // searches
}

// A domain is its judged turns, by index.
type domain struct {
	name          string
	scenes        int
	turns         []int32
	before, after trace.RowShare
	causes        [causes]int // rows, by cause
}

func (c *curator) domain(name string) *domain {
	if c.domains[name] == nil {
		c.domains[name] = &domain{name: name}
	}
	return c.domains[name]
}

// readInputs holds what went into the gym against the events that the step predict
// evaluates on.
func (c *curator) readInputs(ctx context.Context) error {
	p := &c.params
	switch {
	case p.Benchmark == nil:
		return nil
	case p.Inputs == nil:
		return fault.New(fault.Config, errors.New("curate: the plan does not say what went into the gym"), "an older gymline laid it; run the experiment again")
	}
	traces, err := c.task.Benchmark(ctx, *p.Benchmark)
	if err != nil {
		return err
	}
	c.gate = leak.New(traces, p.Leakage)
	in, err := leak.Read(func(f plan.File) ([]byte, error) { return c.task.ReadFile(ctx, f) }, *p.Inputs)
	if err != nil {
		return err
	}
	c.inputs = c.gate.Count(in)
	if p.Inputs.Seeds != nil {
		c.finished, c.written = len(in.Scenes), c.gate.Tally(trace.WrittenScenes, "")
	}
	return nil
}

// readScenes finds the scenes that are like an earlier one.
func (c *curator) readScenes(ctx context.Context) error {
	c.duplicates = map[string]string{}
	var ids []string
	corpus := &similar.Corpus{}
	err := job.Each(ctx, c.task, "written-scenes", func(_ int, s *trace.Scene) error {
		ids = append(ids, s.ID)
		corpus.Add(append([]string{s.User.Goal, s.User.Description, s.Environment.Theme}, s.Environment.Entities...), nil)
		c.domain(s.Domain).scenes++
		if c.written != nil && len(ids) > c.finished {
			c.written.Add(s.Environment.Examples...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.scenes = len(ids)
	index := similar.Within(corpus, c.params.Duplicates)
	for i, id := range ids {
		if m, ok := index.Nearest(i); ok {
			c.duplicates[id] = ids[m.Text]
			c.pairs.add(sceneDuplicate, id, ids[m.Text], m.Similarity)
			continue
		}
		index.Add(i)
	}
	c.gaveUp("scenes", index.Effort().Unfinished)
	return nil
}

// gaveUp notes how many searches were not made to the end.
func (c *curator) gaveUp(of string, n int) {
	if n > 0 {
		c.unfinished += n
		c.task.Log.Warn("searches for near-duplicates were given up: too many texts share most of their words and are not alike", "of", of, "searches", n)
	}
}
