package diff

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
	"github.com/gymline/gymline/internal/why"
)

// experiment lists the fields of all steps' parameters. One that is another in the same
// way in many shards is told once.
func (p *pair) experiment() {
	type told struct{ step, path, was, is string }
	places := map[told]*Field{}
	var order []*Field
	add := func(step store.StepName, of string, c why.Change) {
		was, _ := json.Marshal(c.Was) // it was JSON before
		is, _ := json.Marshal(c.Is)
		key := told{string(step), c.Path, string(was), string(is)}
		if f := places[key]; f != nil {
			if of != "" {
				f.Of += ", " + of
			}
			return
		}
		places[key] = &Field{Of: of, Change: c}
		order = append(order, places[key])
	}
	if p.Step == "" {
		add("", "", why.Change{Path: "seed", Was: p.a.Plan.Seed, Is: p.b.Plan.Seed})
		add("", "", why.Change{Path: "asked anew", Was: anew(p.a.Plan), Is: anew(p.b.Plan)})
	}
	for _, name := range p.steps() {
		a, b := p.a.step(name), p.b.step(name)
		if a == nil || b == nil {
			add(name, "", why.Change{Path: string(name), Was: presence(a), Is: presence(b)})
			continue
		}
		for _, c := range p.couples(name) {
			switch {
			case b.Each == nil && c.b > 0 || a.Each == nil && c.a > 0: // of one kind: told of the first
			case c.a < 0 || c.b < 0:
				add(name, c.name, why.Change{Path: string(name) + ".shard", Was: number(c.a), Is: number(c.b)})
			default:
				for _, f := range fieldsOf(name, a.Step, b.Step, c) {
					add(name, c.name, f)
				}
			}
		}
	}
	for _, f := range order {
		p.add(&p.result.Experiment, *f, "settings")
	}
}

// anew is whose answers of before do not count, nil: everybody's do.
func anew(p *plan.Plan) any {
	if p.Anew == nil {
		return nil
	}
	return p.Anew.String()
}

func presence(s *run.Step) any {
	if s == nil {
		return nil
	}
	return "a step"
}

func number(shard int) any {
	if shard < 0 {
		return nil
	}
	return shard
}

// fieldsOf are the values of two shards' parameters, without what is told elsewhere.
func fieldsOf(name store.StepName, a, b *plan.Step, c couple) []why.Change {
	list := []why.Change{{Path: string(name) + ".job", Was: a.Job, Is: b.Job}, {Path: string(name) + ".format", Was: a.Format, Is: b.Format}}
	if a.Each == nil && b.Each == nil {
		list = append(list, why.Change{Path: string(name) + ".shards", Was: a.Shards, Is: b.Shards})
	}
	return append(list, why.Fields(string(name), bare(a.Of(c.a).Params), bare(b.Of(c.b).Params))...)
}

// bare are parameters with models by their names and without texts of prompts.
func bare(params json.RawMessage) any {
	var v any
	d := json.NewDecoder(bytes.NewReader(params))
	d.UseNumber()
	_ = d.Decode(&v) // what a plan holds is JSON
	return strip(v)
}

func strip(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if name, ok := v["name"].(string); ok && v["provider"] != nil {
			return name
		}
		delete(v, "prompt")
		delete(v, "prompts")
		delete(v, "experimentDigest") // of a report: it follows from all else
		for key := range v {
			v[key] = strip(v[key])
		}
	case []any:
		for i := range v {
			v[i] = strip(v[i])
		}
	}
	return v
}

// set lists what the command lines overrode, and the paths that they gave for inputs.
func (p *pair) set() {
	values := func(s *side) map[string]any {
		of := map[string]any{}
		for _, set := range s.how.Set {
			path, value, _ := strings.Cut(set, "=")
			of[path] = value
		}
		for name, path := range s.how.Inputs {
			of["--input "+name] = path
		}
		return of
	}
	a, b := values(p.a), values(p.b)
	for _, path := range union(a, b) {
		p.add(&p.result.Set, Field{Change: why.Change{Path: path, Was: a[path], Is: b[path]}}, "set")
	}
}

// code lists what tells the programs apart, and the files that the experiments name.
func (p *pair) code() {
	a, b := p.a.program(), p.b.program()
	for _, path := range union(a, b) {
		p.add(&p.result.Code, Field{Change: why.Change{Path: path, Was: a[path], Is: b[path]}}, "code")
	}
}

// program is what a run was done with.
func (s *side) program() map[string]any {
	of := map[string]any{"gymline version": s.Version}
	if s.how.Image != "" {
		of["image"] = s.how.Image
	}
	if b := s.Binary; b != nil {
		of = map[string]any{"gymline version": b.Version, "gymline revision": b.Revision, "gymline modified": b.Modified, "gymline go": b.Go, "gymline platform": b.Platform, "gymline sha256": string(b.Digest)}
	}
	if s.Source != nil {
		for path, file := range s.Source.Files {
			of["file "+path] = string(file.Digest)
		}
	}
	return of
}

// union are the keys of both maps, in order.
func union[V any](a, b map[string]V) []string {
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	return slices.Sorted(maps.Keys(keys))
}

// models lists the settings of models, by name and by what they are asked as: a change
// that is the same for each of its roles is told once.
func (p *pair) models() error {
	a, err := p.asked(p.a.Plan)
	if err != nil {
		return err
	}
	b, err := p.asked(p.b.Plan)
	if err != nil {
		return err
	}
	var list []Field
	for _, key := range union(a, b) {
		name, role, _ := strings.Cut(key, "\x00")
		for _, c := range why.Fields(name, jsonOf(a[key]), jsonOf(b[key])) {
			if i := slices.IndexFunc(list, func(f Field) bool { return f.String() == c.String() }); i >= 0 {
				list[i].Of += ", " + role
			} else {
				list = append(list, Field{Of: role, Change: c})
			}
		}
	}
	for _, f := range list {
		p.add(&p.result.Models, f, "models")
	}
	return nil
}

// asked are the models of a plan, by name and role.
func (p *pair) asked(of *plan.Plan) (map[string]*llm.Model, error) {
	models := map[string]*llm.Model{}
	for i := range of.Steps {
		step := &of.Steps[i]
		if p.Step != "" && step.Name != p.Step {
			continue
		}
		for shard := range step.Shards {
			if step.Each == nil && shard > 0 {
				break
			}
			roles, err := step.Asks(shard)
			if err != nil {
				return nil, err
			}
			for role, m := range roles {
				models[m.Name+"\x00"+role] = &m
			}
		}
	}
	return models, nil
}

// jsonOf is a model as fields; nil of none.
func jsonOf(m *llm.Model) any {
	if m == nil {
		return nil
	}
	data, _ := json.Marshal(m) // it came out of JSON
	var v map[string]any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	_ = d.Decode(&v)
	delete(v, "name")
	return v
}

// versions lists which models answered, as their providers named them.
func (p *pair) versions(ctx context.Context) error {
	a, err := p.answered(ctx, p.a)
	if err != nil {
		return err
	}
	b, err := p.answered(ctx, p.b)
	if err != nil {
		return err
	}
	for _, who := range union(a, b) {
		if _, both := b[who]; both && len(a[who]) > 0 { // of one that the other run has not, its settings tell
			p.add(&p.result.Versions, Field{Change: why.Change{Path: who, Was: strings.Join(a[who], ", "), Is: strings.Join(b[who], ", ")}}, "versions")
		}
	}
	return nil
}

func (p *pair) answered(ctx context.Context, s *side) (map[string][]string, error) {
	by := map[string][]string{}
	if step := s.step(plan.JobEvaluate); step != nil && step.Shards[0].Record != nil && (p.Step == "" || p.Step == plan.JobPredict || p.Step == plan.JobEvaluate) {
		var e metrics.Evaluation
		if err := run.ReadOutput(ctx, s.Store, s.ID, plan.JobEvaluate, plan.MetricsOutput, &e); err != nil {
			return nil, err
		}
		for _, c := range e.Candidates {
			by["candidate "+c.Name] = c.AnsweredBy
		}
		by["judge"] = e.JudgedBy
	}
	step := s.step(plan.JobGenerate)
	if step == nil || p.Step != "" && p.Step != plan.JobGenerate {
		return by, nil
	}
	gym := &trace.Stats{}
	for shard := range step.Shards {
		if step.Shards[shard].Record == nil {
			continue
		}
		a, err := step.Shards[shard].Record.Output(plan.StatsOutput)
		if err != nil {
			continue // of a gymline that had none
		}
		data, err := s.ReadBlob(ctx, a.Digest)
		if err != nil {
			return nil, run.Damaged(s.ID, step.Name, err)
		}
		var one trace.Stats
		if err := json.Unmarshal(data, &one); err != nil {
			return nil, fmt.Errorf("run %s: %s/%d/%s: %w", s.ID, step.Name, shard, plan.StatsOutput, err)
		}
		gym.Merge(&one)
	}
	for role, models := range gym.AnsweredBy {
		by["gym "+role] = models
	}
	return by, nil
}
