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

	"github.com/gymline/gymline/internal/job"
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
		c.readBenchmark, c.readScenes, c.survey, c.choose, c.recall, c.write,
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

	benchmark *similar.Index // nil without one
	events    []benchmarkEvent

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

// A benchmarkEvent is an event that no row may be like.
type benchmarkEvent struct{ id, text string }

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

// readBenchmark indexes the events that the step predict evaluates on.
func (c *curator) readBenchmark(ctx context.Context) error {
	if c.params.Benchmark == nil {
		return nil
	}
	traces, err := c.task.Benchmark(ctx, *c.params.Benchmark)
	if err != nil {
		return err
	}
	corpus := &similar.Corpus{}
	for _, tr := range traces {
		for n, turn := range tr.Turns {
			corpus.Add([]string{turn.Event.Text}, nil)
			c.events = append(c.events, benchmarkEvent{trace.TurnID(tr.ID, n), turn.Event.Text})
		}
	}
	c.benchmark = similar.Against(corpus, c.params.Leakage)
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
	c.gaveUp("scenes", index)
	return nil
}

// gaveUp notes which searches of an index were not made to the end.
func (c *curator) gaveUp(of string, index *similar.Index) {
	if n := index.Effort().Unfinished; n > 0 {
		c.unfinished += n
		c.task.Log.Warn("searches for near-duplicates were given up: too many texts share most of their words and are not alike", "of", of, "searches", n)
	}
}
