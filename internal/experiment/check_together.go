package experiment

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gymline/gymline/internal/llm"
)

// CheckTogether holds what neither file tells alone: whether the engine of p can
// run e. The error is Problems: all of them, each under the name of the file's
// metadata, for the files are not at hand.
func CheckTogether(e *Experiment, p *Profile) error {
	problems := append(trainings(e, p.Spec.Engine), batched(e, p)...)
	if p.Spec.Engine == EngineArgo && p.Spec.Argo != nil {
		problems = append(problems, modelKeys(e, p)...)
		problems = append(problems, trainerKeys(e, p)...)
	}
	if len(problems) == 0 {
		return nil
	}
	return problems
}

func trainings(e *Experiment, engine string) (problems Problems) {
	for _, name := range slices.Sorted(maps.Keys(e.Spec.Train)) {
		t := e.Spec.Train[name]
		refuse := func(key, belongs, fix string) {
			problems = append(problems, Problem{
				File: e.Metadata.Name, Path: "spec.train." + name + "." + key,
				Message: fmt.Sprintf("runs on the engine %s, and the profile's is %s", belongs, engine), Fix: fix,
			})
		}
		const local = "use command or external, or a profile with the engine argo"
		switch {
		case t.Command != nil && engine == EngineArgo:
			refuse("command", EngineLocal, "use container, trainJob or external")
		case t.Container != nil && engine == EngineLocal:
			refuse("container", EngineArgo, local)
		case t.TrainJob != nil && engine == EngineLocal:
			refuse("trainJob", EngineArgo, local)
		}
	}
	return problems
}

// trainerKeys wants keys for trainJobs, which are never given the store's own.
func trainerKeys(e *Experiment, p *Profile) (problems Problems) {
	for _, name := range slices.Sorted(maps.Keys(e.Spec.Train)) {
		if e.Spec.Train[name].TrainJob != nil && p.Spec.Argo.TrainerKeys == nil {
			return Problems{{
				File: p.Metadata.Name, Path: "spec.argo.trainerKeys",
				Message: fmt.Sprintf("is missing, and the training %s of %s is a trainJob, whose pods are never given the store's own keys", name, e.Metadata.Name), Fix: trainerEntry,
			}}
		}
	}
	return nil
}

// batched finds models of the profile's batch that cannot be asked so: a
// misspelt one would be asked call by call, at twice the price.
func batched(e *Experiment, p *Profile) (problems Problems) {
	var names []string
	for name, m := range e.Spec.Models {
		if m.Provider == llm.OpenAI {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Sorted(maps.Keys(p.Spec.Batch)) {
		if slices.Contains(names, name) {
			continue
		}
		message := "names a model that the experiment " + e.Metadata.Name + " does not have"
		if _, there := e.Spec.Models[name]; there {
			message = "names a stand-in, which has no Batch API"
		}
		problems = append(problems, Problem{
			File: p.Metadata.Name, Path: "spec.batch." + elide(name), Message: message,
			Fix: suggest(name, names, "remove it, or use a profile without it"),
		})
	}
	return problems
}

func modelKeys(e *Experiment, p *Profile) (problems Problems) {
	missing := map[string]bool{}
	for _, name := range usedModels(&e.Spec) {
		for _, env := range e.Spec.Models[name].Access().Secrets() {
			if _, there := p.Spec.Argo.Secrets[env]; there || missing[env] {
				continue
			}
			missing[env] = true
			problems = append(problems, Problem{
				File: p.Metadata.Name, Path: "spec.argo.secrets." + elide(env),
				Message: fmt.Sprintf("is missing, and the model %s of %s names it", elide(name), e.Metadata.Name), Fix: secretEntry,
			})
		}
	}
	return problems
}

// usedModels returns the models that sections name, in order of name.
func usedModels(s *Spec) []string {
	used := map[string]bool{}
	if g := s.Generate; g != nil {
		used[g.Scenes.Model], used[g.Models.User], used[g.Models.Environment], used[g.Models.Agent] = true, true, true, true
	}
	if v := s.Evaluate; v != nil {
		used[v.Judge.Model] = true
		for _, c := range v.Candidates {
			used[c.Model] = true
		}
	}
	delete(used, "") // what a section leaves out
	return slices.Sorted(maps.Keys(used))
}
