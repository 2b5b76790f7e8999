// Package planner turns an experiment and the digests of its inputs into a
// plan. It is a pure function: the same experiment gives the same bytes.
package planner

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/store"
)

// Digest identifies an experiment by its name, its resolved spec and the
// content of its inputs. Where the inputs came from is no part of it, nor what a run
// may cost, how many failed rows stop it, nor what its result must come to.
func Digest(e *experiment.Experiment, inputs map[string]store.Digest) (store.Digest, error) {
	spec := e.Spec
	spec.Budget, spec.Failures = nil, nil
	if v := spec.Evaluate; v != nil {
		evaluate := *v
		evaluate.Gate, spec.Evaluate = nil, &evaluate
	}
	spec.Curate = uncompared(&spec)
	data, err := canonical.JSON(struct {
		APIVersion string                  `json:"apiVersion"`
		Name       string                  `json:"name"`
		Spec       experiment.Spec         `json:"spec"`
		Inputs     map[string]store.Digest `json:"inputs"`
	}{e.APIVersion, e.Metadata.Name, spec, inputs})
	if err != nil {
		return "", fmt.Errorf("experiment %s: %w", e.Metadata.Name, err)
	}
	return store.DigestOf(data), nil
}

// Plan lays out the steps of the sections that the experiment has. inputs are
// the digests of its named inputs, formats the output formats of all jobs.
func Plan(e *experiment.Experiment, inputs map[string]store.Digest, formats map[string]int) (*plan.Plan, error) {
	digest, err := Digest(e, inputs)
	if err != nil {
		return nil, err
	}
	b := &builder{
		e: e, formats: formats,
		plan: &plan.Plan{
			Version: plan.Version, Experiment: e.Metadata.Name, Digest: digest, Seed: e.Spec.Seed, Inputs: maps.Clone(inputs),
		},
	}
	if b.plan.Inputs == nil {
		b.plan.Inputs = map[string]store.Digest{}
	}
	b.named()
	if e.Spec.Generate != nil {
		b.generate(e.Spec.Generate)
	}
	if e.Spec.Curate != nil {
		b.curate(e.Spec.Curate)
	}
	if e.Spec.Reward != nil {
		b.reward(e.Spec.Reward)
	}
	if e.Spec.Export != nil {
		b.export(e.Spec.Export)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Spec.Train)) {
		b.train(name, e.Spec.Train[name])
	}
	if e.Spec.Evaluate != nil {
		b.evaluate(e.Spec.Evaluate)
	}
	b.report()
	return b.plan, b.err
}

type builder struct {
	e       *experiment.Experiment
	formats map[string]int
	plan    *plan.Plan
	err     error
}

// step adds a step that is named after its job.
func (b *builder) step(job string, shards int, share plan.Share, inputs ...plan.Input) {
	b.add(plan.Step{Name: store.StepName(job), Job: job, Shards: shards, Share: share, Inputs: inputs})
}

func (b *builder) add(s plan.Step) {
	s.Format = b.formats[s.Job]
	b.plan.Steps = append(b.plan.Steps, s)
}

// share is what a shard does with a job's parameters, its files and models.
func (b *builder) share(params any, files []*plan.File, models ...*llm.Model) plan.Share {
	raw, err := json.Marshal(params)
	if err != nil && b.err == nil {
		b.err = fmt.Errorf("parameters %T: %w", params, err)
	}
	s := plan.Share{Params: raw}
	for _, f := range files {
		if f != nil && !slices.Contains(s.Sources, *f) {
			s.Sources = append(s.Sources, *f)
		}
	}
	for _, m := range models {
		if m != nil && !slices.Contains(s.Models, m.Name) {
			s.Models = append(s.Models, m.Name)
		}
	}
	return s
}

// from is an input that an earlier step writes.
func from(name, job, output string) plan.Input {
	return plan.Input{Name: name, Step: store.StepName(job), Output: output}
}

func file(f *experiment.File) *plan.File {
	if f == nil {
		return nil
	}
	return &plan.File{Input: f.Input, Path: f.Path}
}

func (b *builder) model(name string) *llm.Model {
	m := b.e.Spec.Models[name].Identity(name)
	return &m
}

func (b *builder) generate(g *experiment.Generate) {
	user, environment, agent := b.model(g.Models.User), b.model(g.Models.Environment), b.model(g.Models.Agent)
	p := plan.Generate{
		Scenes: file(g.Scenes.File), Limit: g.Scenes.Limit,
		Seeds: file(g.Scenes.Seeds), Count: g.Scenes.Count,
		Sessions: g.Sessions, MaxEvents: g.MaxEvents, Candidates: g.Candidates, ExecuteSteps: g.ExecuteSteps, Repairs: g.Repairs,
		Models: plan.GymModels{User: *user, Environment: *environment, Agent: *agent},
	}
	if p.Seeds != nil {
		p.Models.Scenes = b.model(g.Scenes.Model)
	}
	p.Prompts = b.prompts(g.Prompts.ByRole())
	if g.History != nil {
		p.History = &plan.History{Keep: g.History.Keep, Exchanges: g.History.Exchanges}
	}
	p.Leaks = b.leaks(g.Scenes.Leaks)
	b.step(plan.JobGenerate, g.Shards, b.share(p, append([]*plan.File{p.Scenes, p.Seeds}, p.Leaks.Files()...), p.Models.Scenes, user, environment, agent))
}

// curate chooses among the episodes of generate, for all steps that read them.
func (b *builder) curate(c *experiment.Curate) {
	p := plan.Curate{Duplicates: c.Duplicates, Leakage: cmp.Or(c.Leakage, notCompared), MaxAccepted: 1, Quota: c.Quota}
	if v := b.e.Spec.Evaluate; v != nil {
		p.Benchmark, p.Leakage, p.Inputs = file(&v.Benchmark), b.leakage(), b.gymInputs()
	}
	if c.Acceptance != nil {
		p.MinAccepted, p.MaxAccepted = c.Acceptance.Min, c.Acceptance.Max
	}
	b.step(plan.JobCurate, 1, b.share(p, append([]*plan.File{p.Benchmark}, p.Inputs.Files()...)),
		from("written-scenes", plan.JobGenerate, plan.ScenesOutput), from("episodes", plan.JobGenerate, plan.EpisodesOutput))
}

// episodes are an input of the steps that read judged proposals of the gym.
func (b *builder) episodes(d experiment.Data) []plan.Input {
	switch {
	case !d.Gym:
		return nil
	case b.e.Spec.Curate != nil:
		return []plan.Input{from("episodes", plan.JobCurate, plan.EpisodesOutput)}
	}
	return []plan.Input{from("episodes", plan.JobGenerate, plan.EpisodesOutput)}
}

func (b *builder) reward(r *experiment.Reward) {
	p := plan.Reward{
		Gym: r.Data.Gym, ProactiveBench: file(r.Data.ProactiveBench),
		TaskLambda: r.TaskLambda, NeedLambda: r.NeedLambda, Folds: r.Folds,
		Resamples: b.e.Spec.Statistics.Resamples, Confidence: b.e.Spec.Statistics.Confidence,
	}
	b.step(plan.JobReward, 1, b.share(p, []*plan.File{p.ProactiveBench}), b.episodes(r.Data)...)
}

func (b *builder) export(x *experiment.Export) {
	p := plan.Export{
		Name: b.e.Metadata.Name, Gym: x.Data.Gym, ProactiveBench: file(x.Data.ProactiveBench),
		Families: x.Families, Trainers: x.Trainers, Sets: x.Sets, Validation: x.Validation, MaxHistory: x.MaxHistory,
		Candidates: 1,
	}
	// The agent is trained with the system text that it was or will be asked with.
	if v := b.e.Spec.Evaluate; v != nil {
		p.Candidates, p.Benchmark, p.Leakage = v.Tasks, file(&v.Benchmark), cmp.Or(x.Leakage, b.leakage())
	}
	if g := b.e.Spec.Generate; g != nil && x.Data.Gym {
		p.Candidates = g.Candidates
		if g.Scenes.Seeds != nil && x.Validation > 0 {
			p.Scenes = &plan.GymScenes{Finished: file(g.Scenes.File), Limit: g.Scenes.Limit, Seeds: *file(g.Scenes.Seeds)}
		}
	}
	// So is the judge that the evaluation asks.
	judge := ""
	if v := b.e.Spec.Evaluate; v != nil {
		judge = v.Judge.Prompt
	}
	p.Prompts = b.prompts(map[string]string{prompt.RoleAgent: b.e.Spec.AgentPrompt(), prompt.RoleJudge: judge})
	if x.Overlong != "keep" {
		p.Overlong = x.Overlong
	}
	p.Redact = b.redacted(x)
	b.step(plan.JobExport, 1, b.share(p, append([]*plan.File{p.ProactiveBench, p.Benchmark}, p.Scenes.Files()...)), b.episodes(x.Data)...)
}

// train adds a hand-off of the export. Its step is named after the checkpoint.
func (b *builder) train(name string, t experiment.Train) {
	p := plan.Train{Name: name, Base: t.Base, Deadline: t.Deadline.String()}
	switch {
	case t.Command != nil:
		p.Kind, p.Command = plan.TrainCommand, t.Command
	case t.Container != nil:
		p.Kind, p.Image, p.Command = plan.TrainContainer, t.Container.Image, t.Container.Command
	case t.TrainJob != nil:
		p.Kind, p.Image, p.Command = plan.TrainTrainJob, t.TrainJob.Image, t.TrainJob.Command
		p.Runtime, p.Nodes = t.TrainJob.Runtime, t.TrainJob.Nodes
	default:
		p.Kind = plan.TrainExternal
	}
	b.add(plan.Step{
		Name: plan.TrainStep(name), Job: plan.JobTrain, Shards: 1, Share: b.share(p, nil),
		Inputs: []plan.Input{from("export", plan.JobExport, plan.ManifestOutput)},
	})
}

// evaluate adds two steps: predict, with a shard for each candidate and repeat, and
// evaluate, which compares them.
func (b *builder) evaluate(v *experiment.Evaluate) {
	p := plan.Predict{Benchmark: *file(&v.Benchmark), Tasks: v.Tasks, Repairs: v.Repairs}
	if v.History != nil {
		p.History = v.History.Exchanges
	}
	var inputs []plan.Input
	switch {
	case v.Judge.RewardModel:
		p.Judge.Kind = plan.JudgeRewardModel
		inputs = append(inputs, from("model", plan.JobReward, plan.ModelOutput))
	case v.Judge.Recorded:
		p.Judge.Kind = plan.JudgeRecorded
	default:
		p.Judge = plan.Judge{Kind: plan.JudgeLLM, Model: b.model(v.Judge.Model), Prompt: b.text(v.Judge.Prompt)}
	}
	var names []string
	for _, c := range v.Candidates {
		names = append(names, c.Name)
	}
	var each []plan.Share
	for p.Repeat = range v.Passes() { // first all candidates once: what is there without repeats keeps its place
		for _, c := range v.Candidates {
			if p.Repeat == 0 || c.Recorded == nil {
				each = append(each, b.candidate(p, c))
			}
		}
	}
	b.add(plan.Step{Name: plan.JobPredict, Job: plan.JobPredict, Shards: len(each), Each: each, Inputs: inputs})
	oneModel, ownJudge := b.shared(v)
	need := file(v.Need)
	b.step(plan.JobEvaluate, 1, b.share(plan.Evaluate{
		Frozen:     frozen(v),
		Candidates: names, OneModel: oneModel, OwnJudge: ownJudge, Prompts: b.candidatePrompts(v), JudgePrompt: b.prompt(v.Judge.Prompt), Resamples: b.e.Spec.Statistics.Resamples, Confidence: b.e.Spec.Statistics.Confidence,
		Baseline: v.Baseline, Adjust: b.e.Spec.Statistics.Adjust, Need: need,
	}, []*plan.File{need}), append([]plan.Input{from("judged", plan.JobPredict, plan.JudgedOutput)}, b.anchors(v, p.Judge)...)...)
}

// candidate is one pass of a candidate over the benchmark.
func (b *builder) candidate(p plan.Predict, c experiment.Candidate) plan.Share {
	p.Candidate = plan.Candidate{Name: c.Name, Recorded: file(c.Recorded), Prompt: b.text(c.Prompt)}
	if c.Recorded == nil {
		m := b.e.Spec.Asked(c).Identity(c.Model)
		p.Candidate.Model = &m
	}
	share := b.share(p, []*plan.File{&p.Benchmark, p.Candidate.Recorded}, p.Candidate.Model, p.Judge.Model)
	if c.Checkpoint != "" {
		share.Also = []plan.Input{{Name: "checkpoint", Step: plan.TrainStep(c.Checkpoint), Output: plan.CheckpointOutput}}
	}
	return share
}

// shared finds candidates that one model answers for in one way, whatever it is called,
// and those that it judges as well.
func (b *builder) shared(v *experiment.Evaluate) (oneModel [][]string, ownJudge []string) {
	identity := func(name string, model experiment.Model) string {
		m := model.Identity(name)
		if !m.Simulated() { // as the ledger tells models apart; what a stand-in says depends on its name
			m.Name, m.BaseURL, m.Schema = "", m.Endpoint(), m.Mode()
		}
		data, err := canonical.JSON(m)
		if err != nil && b.err == nil {
			b.err = fmt.Errorf("model %s: %w", name, err)
		}
		return string(data)
	}
	var groups [][]string
	of := map[string]int{}
	for _, c := range v.Candidates {
		if c.Model == "" {
			continue
		}
		id := identity(c.Model, b.e.Spec.Asked(c)) + "\n" + b.e.Spec.Says(prompt.RoleAgent, c.Prompt)
		if _, ok := of[id]; !ok {
			of[id], groups = len(groups), append(groups, nil)
		}
		groups[of[id]] = append(groups[of[id]], c.Name)
		// Whatever a candidate's own settings are, it is the model that it names.
		if v.Judge.Model != "" && identity(c.Model, b.e.Spec.Models[c.Model]) == identity(v.Judge.Model, b.e.Spec.Models[v.Judge.Model]) {
			ownJudge = append(ownJudge, c.Name)
		}
	}
	return slices.DeleteFunc(groups, func(g []string) bool { return len(g) < 2 }), ownJudge
}

func (b *builder) report() {
	var inputs []plan.Input
	add := func(name, job, output string) {
		if b.plan.Step(store.StepName(job)) != nil {
			inputs = append(inputs, from(name, job, output))
		}
	}
	add("generate-stats", plan.JobGenerate, plan.StatsOutput)
	add("generate-rows", plan.JobGenerate, plan.RowsOutput)
	add("episodes", plan.JobGenerate, plan.EpisodesOutput)
	add("curation", plan.JobCurate, plan.CurationOutput)
	add("curate-rows", plan.JobCurate, plan.RowsOutput)
	add("reward-metrics", plan.JobReward, plan.MetricsOutput)
	add("reward-rows", plan.JobReward, plan.RowsOutput)
	add("export-manifest", plan.JobExport, plan.ManifestOutput)
	add("export-rows", plan.JobExport, plan.RowsOutput)
	add("predict-rows", plan.JobPredict, plan.RowsOutput)
	add("judged", plan.JobPredict, plan.JudgedOutput)
	add("metrics", plan.JobEvaluate, plan.MetricsOutput)
	b.step(plan.JobReport, 1, b.share(plan.Report{Title: cmp.Or(b.e.Metadata.Description, b.e.Metadata.Name), Experiment: b.e.Metadata.Name, Digest: b.plan.Digest, Prompts: b.plan.Prompts}, nil), inputs...)
}
