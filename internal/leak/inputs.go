package leak

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/similar"
	"github.com/gymline/gymline/internal/trace"
)

// A Tally counts what of one source is in the benchmark.
type Tally struct {
	gate  *Gate
	count trace.LeakingInput
	met   []bool // by event
	same  map[string]bool
}

// Tally begins to count a source: what it is, and the file that it stands in.
func (g *Gate) Tally(what, file string) *Tally {
	return &Tally{gate: g, count: trace.LeakingInput{What: what, File: file}, met: make([]bool, len(g.events)), same: map[string]bool{}}
}

// Add takes texts in.
func (t *Tally) Add(texts ...string) {
	for _, text := range texts {
		t.count.Texts++
		if t.meets(text) {
			t.count.Alike++
		}
	}
}

// AddProse takes the sentences of a text in, and its lines.
func (t *Tally) AddProse(text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		sentences := strings.SplitAfter(line, ". ")
		if len(sentences) > 1 {
			sentences = append(sentences, line)
		}
		for _, s := range sentences {
			if s = strings.TrimSpace(s); s != "" {
				t.Add(s)
			}
		}
	}
}

func (t *Tally) meets(text string) (met bool) {
	for _, lookup := range t.gate.lookups(text) {
		lookup.All(func(m similar.Match) {
			met = true
			if !t.met[m.Text] {
				t.met[m.Text] = true
				t.count.Events++
			}
		}, text)
	}
	if _, ok := t.gate.texts[text]; ok {
		t.same[text] = true
	}
	return met
}

// Result is the count so far.
func (t *Tally) Result() trace.LeakingInput {
	result := t.count
	for _, e := range t.gate.events {
		if t.same[e.Text] {
			result.Same++
		}
	}
	return result
}

// Inputs are what goes into the gym from files.
type Inputs struct {
	from    plan.GymInputs
	Seeds   []trace.SeedDomain
	Scenes  []trace.Scene // finished ones
	Lines   []int         // that those begin on
	prompts []string
}

// Read reads them.
func Read(read func(plan.File) ([]byte, error), from plan.GymInputs) (in Inputs, err error) {
	in.from = from
	if f := from.Scenes; f != nil {
		data, err := read(*f)
		if err == nil {
			in.Scenes, in.Lines, err = trace.LocateScenes(f.String(), data)
		}
		if err == nil {
			in.Scenes, err = trace.FirstScenes(f.String(), in.Scenes, from.Limit)
		}
		if err != nil {
			return in, err
		}
	}
	if f := from.Seeds; f != nil {
		data, err := read(*f)
		if err == nil {
			in.Seeds, err = trace.ReadSeeds(f.String(), data)
		}
		if err != nil {
			return in, err
		}
	}
	for _, f := range from.Prompts {
		data, err := read(f)
		if err != nil {
			return in, err
		}
		in.prompts = append(in.prompts, string(data))
	}
	return in, nil
}

// Count holds all of them against the benchmark.
func (g *Gate) Count(in Inputs) (list []trace.LeakingInput) {
	if f := in.from.Seeds; f != nil {
		t := g.Tally(trace.SampleEvents, f.String())
		for _, d := range in.Seeds {
			t.Add(d.Events...)
		}
		list = append(list, t.Result())
	}
	if f := in.from.Scenes; f != nil {
		t := g.Tally(trace.SceneExamples, f.String())
		for _, s := range in.Scenes {
			t.Add(s.Environment.Examples...)
		}
		list = append(list, t.Result())
	}
	for i, f := range in.from.Prompts {
		t := g.Tally(trace.SystemPrompts, f.String())
		t.AddProse(in.prompts[i])
		list = append(list, t.Result())
	}
	return list
}

// Guard does with what is in the benchmark what is asked: Drop or Fail.
func (g *Gate) Guard(do string, in Inputs) (Inputs, error) {
	if do == Drop {
		return g.leaving(in)
	}
	var found []string
	for _, l := range g.Count(in) {
		if l.Events > 0 {
			found = append(found, l.Said(len(g.events)))
		}
	}
	if found == nil {
		return in, nil
	}
	return in, fault.New(fault.Permanent, errors.New(strings.Join(found, "; ")),
		"generate.scenes.leaks is fail: take these texts out, or let drop leave out those of seeds and scenes")
}

// leaving takes out of seeds and finished scenes what is in the benchmark. A domain of
// seeds that would have no sample event left is an error.
func (g *Gate) leaving(in Inputs) (Inputs, error) {
	in.Seeds, in.Scenes = slices.Clone(in.Seeds), slices.Clone(in.Scenes)
	for i := range in.Seeds {
		d := &in.Seeds[i]
		events, lines := d.Events, d.EventLines
		d.Events, d.EventLines = nil, nil
		for k, text := range events {
			if _, found := g.Find(text); !found {
				d.Events, d.EventLines = append(d.Events, text), append(d.EventLines, lines[k])
			}
		}
		if len(d.Events) == 0 {
			return in, fault.New(fault.Permanent, fmt.Errorf("%s: every sample event of the domain %q is in the benchmark, and generate.scenes.leaks is drop", in.from.Seeds, d.Domain),
				"add sample events of your own, or raise curate.leakage")
		}
	}
	for i := range in.Scenes {
		e := &in.Scenes[i].Environment
		e.Examples = slices.DeleteFunc(slices.Clone(e.Examples), func(text string) bool {
			_, found := g.Find(text)
			return found
		})
	}
	return in, nil
}
