package curate

import (
	"context"
	"sort"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/similar"
	"github.com/gymline/gymline/internal/trace"
)

// A cause is why a turn is left out; the first that holds counts.
type cause uint8

const (
	used cause = iota
	sceneDuplicate
	leaked
	duplicate
	balance
	quota
	causes // how many there are
)

// names are the causes in the row ledger, which sums by them; an episode says in
// more words what a turn is like.
var names = [causes]string{
	sceneDuplicate: "near-duplicate of an earlier scene",
	leaked:         "leaks an event of the benchmark",
	duplicate:      "near-duplicate of an earlier row",
	balance:        "acceptance balance",
	quota:          "above the quota",
}

// A session is where its turns begin.
type session struct {
	id, scene string
	first     int
}

// A turn is one that was judged, as long as its text is forgotten.
type turn struct {
	draw           uint64  // where it stands when turns are chosen at random
	number         int32   // within its session
	like           int32   // index of the turn or benchmark event that it is like
	leaks          int32   // index of the benchmark event, -1 for none
	similarity     float64 // to that event
	rows, accepted uint16
	cause          cause
}

// survey reads the episodes for the first time.
func (c *curator) survey(ctx context.Context) error {
	draws := c.params.Quota > 0 || c.params.MinAccepted > 0 || c.params.MaxAccepted < 1
	err := job.Each(ctx, c.task, "episodes", func(_ int, e *trace.Episode) error {
		c.sessions = append(c.sessions, session{e.ID, e.Scene, len(c.turns)})
		d := c.domain(e.Domain)
		for n := range e.Turns {
			rows, accepted := e.Turns[n].Rows()
			if rows == 0 {
				continue
			}
			t := turn{number: int32(n), leaks: -1, rows: uint16(rows), accepted: uint16(accepted)}
			if draws {
				t.draw = c.task.Rand("choose", trace.TurnID(e.ID, n)).Uint64()
			}
			if m, ok := c.gate.Find(e.Turns[n].Event.Text); ok {
				t.leaks, t.similarity = int32(m.Text), m.Similarity
			}
			c.corpus.Add([]string{e.Turns[n].Event.Text}, e.Turns[n].Proposals)
			d.turns = append(d.turns, int32(len(c.turns)))
			d.before.Add(rows, accepted)
			c.turns = append(c.turns, t)
			c.rows += rows
		}
		return nil
	})
	c.gaveUp("benchmark", c.gate.Unfinished())
	c.task.Plan(c.rows)
	return err
}

// id names a turn by its index.
func (c *curator) id(i int) string {
	s := sort.Search(len(c.sessions), func(k int) bool { return c.sessions[k].first > i }) - 1
	return trace.TurnID(c.sessions[s].id, int(c.turns[i].number))
}

// choose gives every turn that is left out its cause.
func (c *curator) choose(ctx context.Context) error {
	index := similar.Within(&c.corpus, c.params.Duplicates)
	for s, x := range c.sessions {
		if err := ctx.Err(); err != nil {
			return err
		}
		end := len(c.turns)
		if s+1 < len(c.sessions) {
			end = c.sessions[s+1].first
		}
		_, copied := c.duplicates[x.scene]
		for i := x.first; i < end; i++ {
			t := &c.turns[i]
			if copied {
				t.cause = sceneDuplicate
			} else if t.leaks >= 0 {
				t.cause, t.like = leaked, t.leaks
				c.pairs.add(leaked, c.id(i), c.gate.Events()[t.leaks].ID, t.similarity)
			} else if m, ok := index.Nearest(i); ok {
				t.cause, t.like = duplicate, int32(m.Text)
				c.pairs.add(duplicate, c.id(i), c.id(m.Text), m.Similarity)
			} else {
				index.Add(i)
			}
		}
	}
	c.gaveUp("turns", index.Effort().Unfinished)
	c.corpus = similar.Corpus{}
	for _, name := range c.names() {
		c.balance(c.domains[name])
	}
	if c.params.Quota > 0 {
		if err := c.fill(); err != nil {
			return err
		}
	}
	for _, d := range c.domains {
		for _, i := range d.turns {
			t := &c.turns[i]
			if t.cause == used {
				d.after.Add(int(t.rows), int(t.accepted))
			} else {
				d.causes[t.cause] += int(t.rows)
			}
		}
	}
	return nil
}
