package curate

import (
	"context"
	"strconv"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/trace"
)

// write reads the episodes again and writes all outputs.
func (c *curator) write(ctx context.Context) error {
	episodes, ledger := c.task.Create(plan.EpisodesOutput, job.JSONL), c.task.Create(plan.RowsOutput, job.JSONL)
	at := 0 // the next judged turn
	err := job.Each(ctx, c.task, "episodes", func(_ int, e *trace.Episode) error {
		for n := range e.Turns {
			if rows, _ := e.Turns[n].Rows(); rows == 0 {
				continue
			}
			t := &c.turns[at]
			at++
			id := trace.TurnID(e.ID, n)
			c.pairs.met(id, func() string { return textOf(&e.Turns[n]) })
			e.Turns[n].Excluded = c.excluded(t, e.Scene)
			if err := c.enter(ledger, id, t, len(e.Turns[n].Proposals) > 1); err != nil {
				return err
			}
		}
		return episodes.Row(e)
	})
	if err != nil {
		return err
	}
	return c.task.WriteJSON(plan.CurationOutput, c.curation())
}

// excluded says in words why a turn of a scene is left out; "" when it is used.
func (c *curator) excluded(t *turn, scene string) string {
	switch t.cause {
	case used:
		return ""
	case sceneDuplicate:
		return "near-duplicate of scene " + c.duplicates[scene]
	case duplicate:
		return "near-duplicate of " + c.id(int(t.like))
	case leaked:
		return "leaks benchmark event " + c.gate.Events()[t.like].ID
	}
	return names[t.cause]
}

// enter writes the rows of a turn to the ledger, by the names that trace.Judged
// gives them.
func (c *curator) enter(ledger *job.Output, id string, t *turn, several bool) error {
	r := rows.Row{Stage: string(c.task.Step.Name), ID: id, State: rows.Accepted, Yields: 1}
	if t.cause != used {
		r.State, r.Cause, r.Yields = rows.Rejected, names[t.cause], 0
	}
	for k := range int(t.rows) {
		if several {
			r.ID = id + "." + strconv.Itoa(k)
		}
		if err := ledger.Row(r); err != nil {
			return err
		}
		c.task.Done(r.State)
	}
	return nil
}

func (c *curator) curation() *trace.Curation {
	v := &trace.Curation{
		Duplicates: c.params.Duplicates, Leakage: c.params.Leakage,
		MinAccepted: c.params.MinAccepted, MaxAccepted: c.params.MaxAccepted, Quota: c.params.Quota,
		Scenes: c.scenes, SceneDuplicates: len(c.duplicates), BenchmarkEvents: len(c.gate.Events()), Inputs: c.leaking(), Unfinished: c.unfinished,
		Domains: []trace.CurationTally{}, Pairs: c.pairs.list(),
	}
	all := domain{}
	for _, name := range c.names() {
		d := c.domains[name]
		all.before.Add(d.before.Rows, d.before.Accepted)
		all.after.Add(d.after.Rows, d.after.Accepted)
		for why, n := range d.causes {
			all.causes[why] += n
		}
		v.Domains = append(v.Domains, d.tally())
	}
	v.Total = all.tally()
	return v
}

// leaking are what went into the gym, in the order that it goes in.
func (c *curator) leaking() []trace.LeakingInput {
	list := c.inputs
	for i, in := range list {
		list[i].Dropped = c.params.Inputs.Dropped && in.What != trace.SystemPrompts
	}
	if c.written != nil {
		list = append(list, c.written.Result())
	}
	return list
}

func (d *domain) tally() trace.CurationTally {
	t := trace.CurationTally{Domain: d.name, Before: d.before, After: d.after}
	for why := used + 1; why < causes; why++ {
		t.Causes = append(t.Causes, trace.CauseOf{Cause: names[why], Rows: d.causes[why]})
	}
	return t
}
