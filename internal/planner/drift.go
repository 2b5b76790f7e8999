package planner

import (
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
)

// frozen is the candidate that nights are held against.
func frozen(v *experiment.Evaluate) string {
	if v.Drift == nil {
		return ""
	}
	return v.Drift.Baseline
}

// anchors adds the step in which the judge rules on what people labelled, and returns
// what evaluate reads of it.
func (b *builder) anchors(v *experiment.Evaluate, judge plan.Judge) []plan.Input {
	if v.Drift == nil || v.Drift.Anchors == nil {
		return nil
	}
	p := plan.Anchors{Data: *file(v.Drift.Anchors.ProactiveBench), Rows: v.Drift.Anchors.Rows, Judge: judge, Repairs: v.Repairs}
	b.step(plan.JobAnchors, 1, b.share(p, []*plan.File{&p.Data}, []*llm.Model{judge.Model}...))
	return []plan.Input{from("anchors", plan.JobAnchors, plan.AnchorsOutput)}
}
