// Package series is the runs of a store, or of one experiment, in the order of time, with
// what each came to: what list and history show, and what a gate compares with.
//
// It reads two records of a sealed run, whose seal sums it up, side by side, so that a
// year of nights is read in a second from a store that is 20 ms away. A run that an
// earlier gymline sealed, or that has no seal, is read through its plan and steps.
package series

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

// A Night is a run in its series.
type Night struct {
	run.Head
	// Standing is the state, where an unsealed run is told apart: run.Running, run.CutOff
	// or, where nobody can know, run.Unsealed.
	Standing string `json:"standing"`
	// ContinuedBy is the next run of the same plan, which took over what this one had
	// done; "" of a run that succeeded or is under way.
	ContinuedBy store.RunID `json:"continuedBy,omitempty"`
	// Summary is what it came to; nil where that cannot be read. It hides the head's.
	Summary *run.Summary `json:"summary,omitempty"`
	Set     []string     `json:"set,omitempty"` // of its command line
	Note    *store.Note  `json:"note,omitempty"`
	// Withdrawn are the withdrawals of what it has read, by number.
	Withdrawn []int    `json:"withdrawn,omitempty"`
	Tags      []string `json:"tags,omitempty"`
}

// A Query picks runs; the zero one takes all.
type Query struct {
	Experiment string
	State      string    // a standing, in any case
	Since      time.Time // opened then or later
	Tag        string    // that has this name now
	Last       int       // so many of the latest; 0: all
}

// Of returns an experiment's runs in the order of time, the earliest first.
func Of(ctx context.Context, st *store.Store, experiment string, now time.Time) ([]Night, error) {
	return Find(ctx, st, Query{Experiment: experiment}, now)
}

// Find returns the runs that a query picks in the order of time, the earliest first. A
// run that cannot be read hides no other; its Unread says why.
func Find(ctx context.Context, st *store.Store, q Query, now time.Time) ([]Night, error) {
	var heads []run.Head
	var notes map[store.RunID]store.Note
	var tags map[string]store.Tag
	err := store.SideBySide(ctx, 3, func(i int) (err error) {
		switch i {
		case 0:
			heads, err = headsOf(ctx, st, q.Experiment)
		case 1:
			notes, err = st.Notes(ctx)
		default:
			tags, err = st.Tags(ctx)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	nights := nightsOf(heads)
	if err := stand(ctx, st, nights, now); err != nil {
		return nil, err
	}
	for i := range nights {
		if n, ok := notes[nights[i].ID]; ok {
			nights[i].Note = &n
		}
		for name, t := range tags {
			if t.Run == nights[i].ID {
				nights[i].Tags = append(nights[i].Tags, name)
			}
		}
		slices.Sort(nights[i].Tags)
	}
	nights = slices.DeleteFunc(nights, func(n Night) bool { return !q.takes(&n) })
	if q.Last > 0 && len(nights) > q.Last {
		nights = nights[len(nights)-q.Last:]
	}
	for i := range nights { // one after another: of a seal, nothing is read, and of others, records side by side
		if nights[i].Summary, err = run.Summarized(ctx, st, nights[i].Head); err != nil {
			return nil, err
		}
	}
	return nights, nil
}

func headsOf(ctx context.Context, st *store.Store, experiment string) ([]run.Head, error) {
	if experiment != "" {
		return run.HeadsOf(ctx, st, experiment)
	}
	heads, err := run.Heads(ctx, st)
	slices.SortFunc(heads, run.InTime)
	return heads, err
}

// nightsOf are runs as nights of which no more is known than their heads.
func nightsOf(heads []run.Head) []Night {
	nights := make([]Night, len(heads))
	for i, h := range heads {
		nights[i].Head = h
		if how, err := run.ExecutionOf(h.Run); err == nil {
			nights[i].Set = how.Set
		}
	}
	return nights
}

// stand tells unsealed runs apart, and who went on with those that did not succeed.
func stand(ctx context.Context, st *store.Store, nights []Night, now time.Time) error {
	err := store.SideBySide(ctx, len(nights), func(i int) (err error) {
		nights[i].Standing, err = run.StandingOf(ctx, st, nights[i].Head, now)
		return err
	})
	next := map[string]store.RunID{} // the run after, by experiment and plan
	for i := len(nights) - 1; i >= 0; i-- {
		n := &nights[i]
		if n.Plan == "" {
			continue
		}
		of := n.Experiment + "/" + string(n.Plan)
		if n.Standing != store.Succeeded && n.Standing != run.Running {
			n.ContinuedBy = next[of]
		}
		if n.Standing == run.Unsealed && n.ContinuedBy != "" {
			n.Standing = run.CutOff
		}
		next[of] = n.ID
	}
	return err
}

func (q *Query) takes(n *Night) bool {
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, " ", "")) }
	return (q.State == "" || plain(q.State) == plain(n.Standing) || plain(q.State) == plain(n.State)) &&
		(q.Since.IsZero() || !n.Opened().Before(q.Since)) &&
		(q.Tag == "" || slices.Contains(n.Tags, q.Tag))
}

// Scores are the heads of the run's scores, nil where there are none.
func (n *Night) Scores() *run.Scores {
	if n.Summary == nil {
		return nil
	}
	return n.Summary.Scores
}

// Candidate returns a candidate's head, nil where the run did not score it.
func (n *Night) Candidate(name string) *run.Scored {
	s := n.Scores()
	if s == nil {
		return nil
	}
	i := slices.IndexFunc(s.Candidates, func(c run.Scored) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Candidates[i]
}

// Before returns those of nights that a run can be compared with, the earliest first:
// they opened before it, succeeded and have scores. What is as of one occasion or, where
// nobody is asked anew, of one plan, is one night, which has its place where it was first
// fired: so one that is fired again, or replayed later, never meets itself, nor stands
// between others. A run that is not among nights comes after all.
func Before(nights []Night, id store.RunID) (list []*Night) {
	end := slices.IndexFunc(nights, func(n Night) bool { return n.ID == id })
	if end < 0 {
		end = len(nights)
	} else {
		own := nights[end].occasion()
		end = slices.IndexFunc(nights, func(n Night) bool { return n.occasion() == own })
	}
	return occasions(nights[:end])
}

// occasion is what a run is one night's with.
func (n *Night) occasion() string {
	switch {
	case n.Summary != nil && n.Summary.AsOf != "":
		return "as of " + n.Summary.AsOf
	case n.Plan != "":
		return "plan " + string(n.Plan)
	}
	return "run " + string(n.ID)
}

// occasions are the last runs of each that succeeded and have scores, in the order in
// which they were first fired.
func occasions(nights []Night) (list []*Night) {
	var order []string
	scored := map[string]*Night{}
	for i := range nights {
		n := &nights[i]
		of := n.occasion()
		if _, seen := scored[of]; !seen {
			order, scored[of] = append(order, of), nil
		}
		if n.State == store.Succeeded && n.Scores() != nil {
			scored[of] = n
		}
	}
	for _, of := range order {
		if n := scored[of]; n != nil {
			list = append(list, n)
		}
	}
	return list
}

// One returns a run by itself, as far as its records tell.
func One(ctx context.Context, st *store.Store, id store.RunID) (n Night, err error) {
	if n.Head, err = run.ReadHead(ctx, st, id); err == nil {
		n.Standing = n.State
		n.Summary, err = run.Summarized(ctx, st, n.Head)
	}
	return n, err
}

// Metrics returns all that evaluate found in the run.
func (n *Night) Metrics(ctx context.Context, st *store.Store) (*metrics.Evaluation, error) {
	e := new(metrics.Evaluation)
	return e, run.ReadOutput(ctx, st, n.ID, plan.JobEvaluate, plan.MetricsOutput, e)
}

// Judged calls fn with every judged trace of the run, candidate after candidate.
func (n *Night) Judged(ctx context.Context, st *store.Store, fn func(*trace.JudgedTrace) error) error {
	parts, err := run.Output(ctx, st, n.ID, plan.Ref{Step: plan.JobPredict, Shard: -1, Output: plan.JudgedOutput})
	if err != nil {
		return err
	}
	r := st.Concat(ctx, parts)
	defer r.Close()
	if err := job.Decode(r, plan.JudgedOutput, func(_ int, line *trace.JudgedTrace) error { return fn(line) }); err != nil {
		return fmt.Errorf("run %s: %w", n.ID, run.Damaged(n.ID, plan.JobPredict, err))
	}
	return nil
}
