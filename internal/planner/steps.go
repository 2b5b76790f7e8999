package planner

import (
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

func (b *builder) model(name string) llm.Model { return b.e.Spec.Models[name].Identity(name) }

func (b *builder) generate(g *experiment.Generate) {
	p := plan.Generate{
		Scenes: file(g.Scenes.File), Limit: g.Scenes.Limit,
		Seeds: file(g.Scenes.Seeds), Count: g.Scenes.Count,
		Sessions: g.Sessions, MaxEvents: g.MaxEvents, Candidates: g.Candidates, ExecuteSteps: g.ExecuteSteps, Repairs: g.Repairs,
		Models: plan.GymModels{
			User: b.model(g.Models.User), Environment: b.model(g.Models.Environment), Agent: b.model(g.Models.Agent),
		},
	}
	if g.Scenes.Seeds != nil {
		m := b.model(g.Scenes.Model)
		p.Models.Scenes = &m
	}
	b.step(plan.JobGenerate, g.Shards, p, outside(nil, p.Scenes, p.Seeds))
}

// data are the inputs of a step that reads judged proposals.
func data(d experiment.Data) []plan.Input {
	var inputs []plan.Input
	if d.Gym {
		inputs = append(inputs, from("episodes", plan.JobGenerate, plan.EpisodesOutput))
	}
	return outside(inputs, file(d.ProactiveBench))
}

func (b *builder) reward(r *experiment.Reward) {
	b.step(plan.JobReward, 1, plan.Reward{
		Gym: r.Data.Gym, ProactiveBench: file(r.Data.ProactiveBench),
		TaskLambda: r.TaskLambda, NeedLambda: r.NeedLambda, Folds: r.Folds,
		Resamples: b.e.Spec.Statistics.Resamples, Confidence: b.e.Spec.Statistics.Confidence,
	}, data(r.Data))
}

func (b *builder) export(x *experiment.Export) {
	p := plan.Export{
		Name: b.e.Metadata.Name, Gym: x.Data.Gym, ProactiveBench: file(x.Data.ProactiveBench),
		Families: x.Families, Trainers: x.Trainers, Sets: x.Sets, Validation: x.Validation, MaxHistory: x.MaxHistory,
		Candidates: 1,
	}
	// The agent is trained with the system text that it was or will be asked with.
	if v := b.e.Spec.Evaluate; v != nil {
		p.Candidates = v.Tasks
	}
	if g := b.e.Spec.Generate; g != nil && x.Data.Gym {
		p.Candidates = g.Candidates
	}
	b.step(plan.JobExport, 1, p, data(x.Data))
}

// evaluate adds two steps: predict, with a shard for each candidate, and
// evaluate, which compares them.
func (b *builder) evaluate(v *experiment.Evaluate) {
	p := plan.Predict{Benchmark: *file(&v.Benchmark), Tasks: v.Tasks, Repairs: v.Repairs}
	var inputs []plan.Input
	switch {
	case v.Judge.RewardModel:
		p.Judge.Kind = plan.JudgeRewardModel
		inputs = append(inputs, from("model", plan.JobReward, plan.ModelOutput))
	case v.Judge.Recorded:
		p.Judge.Kind = plan.JudgeRecorded
	default:
		m := b.model(v.Judge.Model)
		p.Judge = plan.Judge{Kind: plan.JudgeLLM, Model: &m}
	}
	files := []*plan.File{&p.Benchmark}
	var names []string
	var each []any
	for _, c := range v.Candidates {
		p.Candidate = plan.Candidate{Name: c.Name, Recorded: file(c.Recorded)}
		if c.Recorded == nil {
			m := b.model(c.Model)
			p.Candidate.Model = &m
		}
		each = append(each, p)
		names = append(names, c.Name)
		files = append(files, p.Candidate.Recorded)
	}
	b.stepEach(plan.JobPredict, each, outside(inputs, files...))
	b.step(plan.JobEvaluate, 1, plan.Evaluate{
		Candidates: names, Resamples: b.e.Spec.Statistics.Resamples, Confidence: b.e.Spec.Statistics.Confidence,
	}, []plan.Input{from("judged", plan.JobPredict, plan.JudgedOutput)})
}

// report reads what the other steps wrote.
func (b *builder) report() {
	title := b.e.Metadata.Description
	if title == "" {
		title = b.e.Metadata.Name
	}
	var inputs []plan.Input
	add := func(name, job, output string) {
		if b.plan.Step(store.StepName(job)) != nil {
			inputs = append(inputs, from(name, job, output))
		}
	}
	add("generate-stats", plan.JobGenerate, plan.StatsOutput)
	add("generate-rows", plan.JobGenerate, plan.RowsOutput)
	add("reward-metrics", plan.JobReward, plan.MetricsOutput)
	add("reward-rows", plan.JobReward, plan.RowsOutput)
	add("export-manifest", plan.JobExport, plan.ManifestOutput)
	add("export-rows", plan.JobExport, plan.RowsOutput)
	add("predict-rows", plan.JobPredict, plan.RowsOutput)
	add("judged", plan.JobPredict, plan.JudgedOutput)
	add("metrics", plan.JobEvaluate, plan.MetricsOutput)
	b.step(plan.JobReport, 1, plan.Report{Title: title, Experiment: b.e.Metadata.Name, Digest: b.plan.Digest}, inputs)
}
