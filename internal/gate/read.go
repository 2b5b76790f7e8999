package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/series"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

// Of asks rules of a run that succeeded, from what the store has of it and of the runs
// that they compare it with.
func Of(ctx context.Context, st *store.Store, id store.RunID, rules []plan.GateRule, now time.Time) (*Result, error) {
	g, err := open(ctx, st, id, now)
	if err != nil {
		return nil, err
	}
	var findings []Finding
	for i, rule := range rules {
		candidates, err := g.candidates(rule)
		if err != nil {
			return nil, err
		}
		for _, name := range candidates {
			f := Finding{Rule: rule, Candidate: name, F1: g.night.Candidate(name).F1, rule: i}
			switch {
			case rule.Drift:
				if f.Drift = series.DriftOf(g.before, &g.night, name); f.Drift == nil {
					f.Found = "is not watched for drift in " + string(id)
				}
			case rule.Compares():
				if err := g.against(ctx, &f); err != nil {
					return nil, err
				}
			}
			f.check()
			findings = append(findings, f)
		}
	}
	test(findings, g.test)
	return result(id, findings, len(rules)), nil
}

// Named holds that the store has the runs and tags that rules name, with scores.
func Named(ctx context.Context, st *store.Store, rules []plan.GateRule) error {
	for i, r := range rules {
		if r.Named() == "" {
			continue
		}
		n, err := named(ctx, st, r.Named())
		if err == nil && n.Scores() == nil {
			err = fault.New(fault.Config, fmt.Errorf("spec.evaluate.gate[%d].against: run %s has no scores to compare with", i, n.ID), "name one that has some; see 'gymline list'")
		}
		if errors.Is(err, store.ErrNotFound) {
			err = fault.New(fault.Config, fmt.Errorf("spec.evaluate.gate[%d].against: there is neither a run nor a tag %s in this store", i, r.Named()), "name one with 'gymline tag', or compare with previous")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// named reads the run that a text names, by its ID or by a tag.
func named(ctx context.Context, st *store.Store, name string) (n series.Night, err error) {
	id, err := st.RunNamed(ctx, name)
	if err != nil {
		return n, err
	}
	return series.One(ctx, st, id)
}

// asked is a run that rules are asked of, and what was read for them.
type asked struct {
	st      *store.Store
	night   series.Night
	before  []*series.Night
	test    Test
	answers map[store.RunID]*Answers
	pairs   map[string]*Comparison // by candidate and run
}

func open(ctx context.Context, st *store.Store, id store.RunID, now time.Time) (*asked, error) {
	head, err := run.ReadHead(ctx, st, id)
	if err != nil {
		return nil, err
	}
	nights, err := series.Of(ctx, st, head.Experiment, now)
	if err != nil {
		return nil, err
	}
	g := &asked{st: st, before: series.Before(nights, id), answers: map[store.RunID]*Answers{}, pairs: map[string]*Comparison{}}
	if i := slices.IndexFunc(nights, func(n series.Night) bool { return n.ID == id }); i >= 0 {
		g.night = nights[i]
	}
	if g.night.State != store.Succeeded || g.night.Scores() == nil {
		return nil, fault.New(fault.Usage, fmt.Errorf("run %s has no scores that a gate could look at: it is %s", id, head.State), "ask a run that succeeded, of an experiment with evaluate; see 'gymline list'")
	}
	e, err := g.night.Metrics(ctx, st)
	if err != nil {
		return nil, err
	}
	p, err := run.ReadPlan(ctx, st, id)
	if err != nil {
		return nil, err
	}
	g.test = Test{Seed: p.Seed, Resamples: e.Resamples, Confidence: e.Confidence}
	return g, nil
}

// candidates are those that a rule is of.
func (g *asked) candidates(r plan.GateRule) (names []string, err error) {
	for _, c := range g.night.Scores().Candidates {
		frozen := r.Drift && g.night.Scores().Watched != nil && g.night.Scores().Watched.Frozen == c.Name
		if r.Candidate == "" && !frozen || r.Candidate == c.Name {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 {
		return nil, fault.New(fault.Usage, fmt.Errorf("run %s has no candidate %q", g.night.ID, r.Candidate), fmt.Sprintf("'gymline show %s' lists them", g.night.ID))
	}
	return names, nil
}

// against compares a finding's candidate with itself in the run that the rule names.
func (g *asked) against(ctx context.Context, f *Finding) error {
	other, err := g.other(ctx, f)
	if err != nil || other == nil {
		return err
	}
	f.Against = other.ID
	if other.Candidate(f.Candidate) == nil {
		f.Found = fmt.Sprintf("is not scored in %s", other.ID)
		return nil
	}
	key := f.Candidate + "/" + string(other.ID)
	f.Found = fmt.Sprintf("shares no event with %s", other.ID)
	if c, known := g.pairs[key]; known {
		f.comparison = c
		return nil
	}
	earlier, err := g.read(ctx, other)
	if err != nil {
		return err
	}
	later, err := g.read(ctx, &g.night)
	if err != nil {
		return err
	}
	if c := Compare(f.Candidate, earlier, later, g.test); c != nil {
		c.Against, c.News = other.ID, series.News(f.Candidate, other, &g.night)
		f.comparison = c
	}
	g.pairs[key] = f.comparison
	return nil
}

// other is the run that a finding's rule compares with; nil where there is none.
func (g *asked) other(ctx context.Context, f *Finding) (*series.Night, error) {
	f.Found = "has no run before it"
	if name := f.Rule.Named(); name != "" {
		n, err := named(ctx, g.st, name)
		if err == nil && n.Scores() == nil {
			err = fault.New(fault.Usage, fmt.Errorf("run %s, which the gate compares with, has no scores", n.ID), "compare with a run that has some; see 'gymline list'")
		}
		return &n, err
	}
	last := g.before
	if n, best := plan.BestOf(f.Rule.Against); best {
		last = last[max(0, len(last)-n):]
		last = slices.DeleteFunc(slices.Clone(last), func(n *series.Night) bool { return n.Candidate(f.Candidate) == nil })
		if len(last) == 0 {
			return nil, nil
		}
		return slices.MaxFunc(last, func(a, b *series.Night) int {
			return cmp.Compare(a.Candidate(f.Candidate).F1, b.Candidate(f.Candidate).F1)
		}), nil
	}
	if len(last) == 0 {
		return nil, nil
	}
	return last[len(last)-1], nil
}

// read reads a run's judged answers, once.
func (g *asked) read(ctx context.Context, n *series.Night) (*Answers, error) {
	if a := g.answers[n.ID]; a != nil {
		return a, nil
	}
	a := &Answers{}
	err := n.Judged(ctx, g.st, func(line *trace.JudgedTrace) error { a.Add(line); return nil })
	g.answers[n.ID] = a
	return a, err
}
