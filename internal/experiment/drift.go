package experiment

import "slices"

// Drift is what a series of nights is watched by.
type Drift struct {
	_        struct{} `doc:"What a series of nights is watched by, so that drift is told from noise, and a worse candidate from another judge (docs/nights.md)." atLeast:"baseline,anchors"`
	Baseline string   `json:"baseline,omitempty" ref:"candidate" doc:"A candidate with recorded answers, by name. Others are watched by how much more they score than these frozen answers, by the same night's judge."`
	Anchors  *Anchors `json:"anchors,omitempty" doc:"Rows that people labelled, on which a language model that judges rules every night."`
}

// Anchors are rows that people labelled.
type Anchors struct {
	_              struct{} `doc:"Rows that people labelled."`
	ProactiveBench *File    `json:"proactivebench" required:"true" is:"folder" doc:"Those of ProactiveBench: the folder that holds reward_data/."`
	Rows           int      `json:"rows" default:"300" min:"20" max:"100000" doc:"How many are drawn, the same ones every night: each is a call to the judge. All of fewer."`
}

func (l *loader) checkDrift(e *Evaluate) {
	if e.Drift == nil {
		return
	}
	const path = "spec.evaluate.drift"
	frozen := slices.ContainsFunc(e.Candidates, func(c Candidate) bool { return c.Name == e.Drift.Baseline && c.Recorded != nil })
	switch {
	case e.Judge.Recorded:
		l.wrong(path, "watches a judge, and judge is recorded: its verdicts are the same every night", "remove it, or use another judge")
	case e.Drift.Baseline != "" && !frozen && l.ok(path+".baseline"):
		l.wrong(path+".baseline", "has no recorded answers, so that its own are others every night", "name a candidate with recorded")
	case e.Judge.RewardModel && e.Drift.Anchors != nil:
		l.wrong(path+".anchors", "would find nothing: the reward model is known by its digest, and needs no test", "remove it, and keep baseline")
	}
}
