// Package inspect reads what an experiment names in its inputs as its jobs will: scenes,
// seeds, the benchmark, recorded answers and reward data. So what is wrong with them is
// known, all of it at once, before a model is asked or anything is stored.
package inspect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"

	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/trace"
)

// Inputs reads all that e names in inputs that have a folder; open opens a folder. Its
// error has a line for each problem, with the file and line that it stands in.
func Inputs(ctx context.Context, e *experiment.Experiment, open func(folder string) fs.FS) error {
	i := inspector{ctx: ctx, e: e, open: open, seen: map[experiment.File]bool{}}
	i.generate(e.Spec.Generate)
	if r := e.Spec.Reward; r != nil {
		i.data(r.Data.ProactiveBench)
	}
	if x := e.Spec.Export; x != nil {
		i.data(x.Data.ProactiveBench)
	}
	if v := e.Spec.Evaluate; v != nil && v.Drift != nil && v.Drift.Anchors != nil {
		i.data(v.Drift.Anchors.ProactiveBench)
	}
	i.evaluate(e.Spec.Evaluate)
	switch len(i.wrong) {
	case 0:
		return ctx.Err()
	case 1:
		return i.wrong[0]
	}
	return fault.New(fault.Permanent, errors.Join(i.wrong...), "mend these files; docs/formats.md shows what is read")
}

// Unread are the inputs that have no folder, so that nothing of theirs is read here.
func Unread(e *experiment.Experiment) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(e.Spec.Inputs)) {
		if e.Spec.Inputs[name].Path == "" {
			names = append(names, name)
		}
	}
	return names
}

type inspector struct {
	ctx   context.Context
	e     *experiment.Experiment
	open  func(folder string) fs.FS
	seen  map[experiment.File]bool
	wrong []error
}

func (i *inspector) add(err error) {
	if err != nil {
		i.wrong = append(i.wrong, err)
	}
}

// at returns the folder of an input, and where in it f is; ok is false where it is not to
// be read: it is none, has no folder, or was read before.
func (i *inspector) at(f *experiment.File) (in folder, name string, ok bool) {
	if f == nil || i.ctx.Err() != nil {
		return in, "", false
	}
	root := i.e.Spec.Inputs[f.Input].Path
	if root == "" || i.seen[*f] {
		return in, "", false
	}
	i.seen[*f] = true
	in = folder{i.open(root), filepath.ToSlash(root)}
	return in, in.shown(path.Clean(f.Path)), true
}

func (i *inspector) generate(g *experiment.Generate) {
	if g == nil {
		return
	}
	if in, name, ok := i.at(g.Scenes.File); ok {
		data, err := in.read(name)
		if err == nil {
			var scenes []trace.Scene
			if scenes, err = trace.ReadScenes(name, data); err == nil {
				_, err = trace.FirstScenes(name, scenes, g.Scenes.Limit)
			}
		}
		i.add(err)
	}
	if in, name, ok := i.at(g.Scenes.Seeds); ok {
		data, err := in.read(name)
		if err == nil {
			_, err = trace.ReadSeeds(name, data)
		}
		i.add(err)
	}
}

// data reads reward data. Rows that lack a field are left out by who reads them, and
// counted; none that is usable is a mistake.
func (i *inspector) data(f *experiment.File) {
	in, name, ok := i.at(f)
	if !ok {
		return
	}
	usable, cause := 0, ""
	err := trace.ReadRewardData(i.ctx, in, name, func(r trace.RewardRow) error {
		if r.Cause == "" {
			usable++
		} else if cause == "" {
			cause = r.ID + ": " + r.Cause
		}
		return nil
	})
	if err == nil && usable == 0 {
		err = fault.New(fault.Permanent, fmt.Errorf("reward data in %s: no row can be used, the first because of %s", name, cause), "")
	}
	i.add(err)
}

func (i *inspector) evaluate(v *experiment.Evaluate) {
	if v == nil {
		return
	}
	wrong := len(i.wrong)
	i.data(v.Need)
	sound := len(i.wrong) == wrong
	in, name, ok := i.at(&v.Benchmark)
	if !ok {
		return
	}
	traces, err := trace.ReadBenchmark(i.ctx, in, name)
	if err != nil {
		i.add(err)
		return // recorded answers are to its events
	}
	if sound {
		i.needs(v.Need, traces)
	}
	var first *verdicts
	for _, c := range v.Candidates {
		in, name, ok := i.at(c.Recorded)
		if !ok {
			continue
		}
		answers, err := trace.ReadRecorded(i.ctx, in, name, traces)
		if err == nil && v.Judge.Recorded {
			these := verdictsOf(name, traces, answers)
			if err = these.check(first); err == nil && first == nil {
				first = these
			}
		}
		i.add(err)
	}
}

// verdicts are the events that a recording has a verdict on, by trace and number.
type verdicts struct {
	name   string // of its folder
	events []string
	judged map[string]bool
}

func verdictsOf(name string, traces []trace.Trace, answers [][]trace.Answer) *verdicts {
	v := &verdicts{name: name, judged: map[string]bool{}}
	for t := range answers {
		for e, a := range answers[t] {
			at := trace.TurnID(traces[t].ID, e)
			v.events = append(v.events, at)
			v.judged[at] = len(a.Verdicts) > 0
		}
	}
	return v
}

// check refuses a recording that the recorded judge cannot score: one without a verdict, or
// not on the events of the first.
func (v *verdicts) check(first *verdicts) error {
	const hint = "judge: {recorded: true} takes the verdicts beside the answers; give each candidate one on the same events, or let a model judge"
	if !slices.ContainsFunc(v.events, func(at string) bool { return v.judged[at] }) {
		return fault.New(fault.Permanent, fmt.Errorf("recorded answers: %s has no verdict (judgement) on any event", v.name), hint)
	}
	if first == nil {
		return nil
	}
	i := slices.IndexFunc(v.events, func(at string) bool { return v.judged[at] != first.judged[at] })
	if i < 0 {
		return nil
	}
	with, without := v.name, first.name
	if !v.judged[v.events[i]] {
		with, without = without, with
	}
	return fault.New(fault.Permanent, fmt.Errorf("recorded answers: %s has a verdict on the event %s, and %s has none", with, v.events[i], without), hint)
}
