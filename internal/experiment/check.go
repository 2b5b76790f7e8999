package experiment

import (
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
)

// reservedInputs are what steps call the outputs of other steps that they read,
// beside the experiment's inputs.
var reservedInputs = []string{"checkpoint", "episodes", "export", "judged", "model", "written-scenes"}

// checkExperiment holds what no single field can tell: how the parts go together.
func (l *loader) checkExperiment(e *Experiment) {
	l.checkReferences(&e.Spec)
	l.checkModels(&e.Spec)
	l.checkPrompts(&e.Spec)
	resolvePrices(e.Spec.Models)
	if e.Spec.Generate != nil {
		l.checkGenerate(e.Spec.Generate)
	}
	if c := e.Spec.Curate; c != nil {
		l.checkCurate(&e.Spec, c)
	}
	if e.Spec.Budget != nil {
		l.checkBudget(&e.Spec)
	}
	if e.Spec.Reward != nil {
		l.checkData(&e.Spec, e.Spec.Reward.Data, "spec.reward.data")
		if path := "spec.reward.folds"; l.ok(path) && e.Spec.Reward.Folds == 1 {
			l.wrong(path, "one fold leaves nothing to train on", "give 2 or more, or 0 to leave out one trace at a time")
		}
	}
	if e.Spec.Export != nil {
		l.checkData(&e.Spec, e.Spec.Export.Data, "spec.export.data")
	}
	if e.Spec.Train != nil && e.Spec.Export == nil {
		l.wrong("spec.train", "needs the section export, which is not there", "add export, or remove train")
	}
	if e.Spec.Evaluate != nil {
		l.checkEvaluate(&e.Spec)
	}
	if e.Spec.Schedule != nil {
		l.checkSchedule(e.Spec.Schedule)
		for i, role := range e.Spec.Schedule.Refresh {
			if why := e.Spec.Unasked(role); why != "" && l.ok("spec.schedule.refresh") {
				l.wrong(fmt.Sprintf("spec.schedule.refresh[%d]", i), fmt.Sprintf("%s cannot be asked anew: %s", role, why), "remove it")
			}
		}
	}
}

func (l *loader) checkReferences(s *Spec) {
	used := map[string]bool{}
	for _, ref := range l.refs {
		var names []string
		var section string
		switch ref.kind {
		case "model":
			names, section = slices.Sorted(maps.Keys(s.Models)), "spec.models"
		case "input":
			names, section = slices.Sorted(maps.Keys(s.Inputs)), "spec.inputs"
			used[ref.name] = true
		case "prompt":
			names, section = slices.Sorted(maps.Keys(s.Prompts)), "spec.prompts"
		case "training":
			names, section = slices.Sorted(maps.Keys(s.Train)), "spec.train"
		case "candidate":
			for _, c := range s.Evaluate.Candidates {
				names = append(names, c.Name)
			}
			section = "spec.evaluate.candidates"
		}
		if !slices.Contains(names, ref.name) {
			l.wrong(ref.path, fmt.Sprintf("no %s is called %q", ref.kind, clip(ref.name)),
				suggest(ref.name, names, "declare it under "+section))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Inputs)) {
		path := "spec.inputs." + name
		if slices.Contains(reservedInputs, name) {
			l.wrong(path, "is a name that gymline uses itself", "give the input another name")
		} else if !used[name] && !l.bad[path] {
			l.wrong(path, "is not used, and would be copied into every run", "remove it, or refer to it")
		}
	}
}

// resolvePrices gives cached tokens the price of others where a file says nothing.
func resolvePrices(models map[string]Model) {
	for _, m := range models {
		if m.Price != nil && m.Price.Cached == nil {
			m.Price.Cached = &m.Price.Prompt
		}
	}
}

func (l *loader) checkGenerate(g *Generate) {
	const path = "spec.generate.scenes"
	s := g.Scenes
	if s.Seeds == nil {
		if !l.bad[path] && (l.ok(path+".model") || l.ok(path+".count") && s.Count > 0) {
			l.wrong(path, "has model or count, which are for scenes written from seeds", "add seeds, or remove them; limit bounds the scenes of file")
		}
	} else if !l.bad[path] {
		if !l.given(path + ".model") {
			l.wrong(path+".model", "is missing", "name the model that writes scenes from seeds")
		}
		if !l.bad[path+".count"] && s.Count == 0 {
			l.wrong(path+".count", "no scenes would be written from seeds", "give 1 or more, or remove seeds")
		}
	}
	if s.File == nil && l.ok(path+".limit") && s.Limit > 0 {
		l.wrong(path+".limit", "bounds the scenes of file, and there is none", "remove it; count is the number of scenes written from seeds")
	}
	known := s.File == nil || s.Limit > 0
	most := s.Count
	if s.File != nil {
		most += s.Limit
	}
	if shards := "spec.generate.shards"; known && most > 0 && l.ok(shards) && !l.bad[path+".limit"] && g.Shards > most {
		l.wrong(shards, fmt.Sprintf("%d shards for %d scenes leave some without work", g.Shards, most), fmt.Sprintf("give at most %d", most))
	}
}

func (l *loader) checkCurate(s *Spec, c *Curate) {
	const path = "spec.curate"
	if s.Generate == nil {
		l.wrong(path, "needs the section generate, which is not there", "add generate, or remove curate")
	}
	if a := path + ".acceptance"; c.Acceptance != nil && !l.bad[a+".min"] && !l.bad[a+".max"] && c.Acceptance.Min > c.Acceptance.Max {
		l.wrong(a, fmt.Sprintf("min %v is above max %v", c.Acceptance.Min, c.Acceptance.Max), "lower min or raise max")
	} else if q := path + ".quota"; c.Acceptance != nil && !l.bad[a+".min"] && !l.bad[a+".max"] && l.ok(q) && !c.Acceptance.divides(c.Quota) {
		hint := "widen acceptance"
		if near := c.Acceptance.near(c.Quota); near > 0 {
			hint = fmt.Sprintf("give %d, or widen acceptance", near)
		}
		l.wrong(q, fmt.Sprintf("no number of %d rows is a share from %v to %v", c.Quota, c.Acceptance.Min, c.Acceptance.Max), hint)
	}
}

// divides reports whether some number of so many rows is a share within s, as
// the job curate rounds it.
func (s *Share) divides(rows int) bool {
	const slack = 1e-9
	return math.Ceil(s.Min*float64(rows)-slack) <= math.Floor(s.Max*float64(rows)+slack)
}

// near is a number of rows that s divides, the next below this one or else above;
// 0 when it is far: a share of three decimals has one in every thousand.
func (s *Share) near(rows int) int {
	for n := rows - 1; n > max(0, rows-1000); n-- {
		if s.divides(n) {
			return n
		}
	}
	for n := rows + 1; n <= rows+1000; n++ {
		if s.divides(n) {
			return n
		}
	}
	return 0
}

// checkBudget holds that every call's price is known.
func (l *loader) checkBudget(s *Spec) {
	for _, name := range usedModels(s) {
		path := "spec.models." + name
		if m, there := s.Models[name]; there && m.Provider == "openai" && m.Price == nil && !l.bad[path] && !l.bad[path+".price"] {
			l.wrong(path+".price", "is missing, and spec.budget counts what every call costs", "add price, or remove budget")
		}
	}
}

func (l *loader) checkData(s *Spec, d Data, path string) {
	gym := path + ".gym"
	switch {
	case d.Gym && s.Generate == nil:
		l.wrong(gym, "needs the section generate, which is not there", "add generate, or remove gym")
	case l.ok(gym) && !d.Gym && !l.given(path+".proactivebench"):
		l.add(l.at(gym), path, "leaves no data", "write gym: true, or add proactivebench")
	}
}

func (l *loader) checkEvaluate(s *Spec) {
	e, first := s.Evaluate, map[string]int{}
	if e.Repeats == 1 { // the same experiment as without
		e.Repeats = 0
	}
	for i, c := range e.Candidates {
		path := fmt.Sprintf("spec.evaluate.candidates[%d]", i)
		if before, twice := first[c.Name]; twice && c.Name != "" {
			l.wrong(path+".name", fmt.Sprintf("%q is also candidate %d", clip(c.Name), before), "give each candidate a name of its own")
		} else {
			first[c.Name] = i
		}
		l.checkSettings(s, c, path)
		if e.Judge.Recorded && c.Model != "" {
			l.wrong(path+".model", "has no recorded verdicts, and judge is recorded", "use recorded, or another judge")
		}
		if checkpoint := path + ".checkpoint"; l.given(checkpoint) && !l.given(path+".model") {
			l.wrong(checkpoint, "is served by a model, and there is none", "remove it, or give model instead of recorded")
		}
	}
	l.checkGate(e.Gate, e.Drift != nil)
	l.checkDrift(e)
	if judge := "spec.evaluate.judge.rewardModel"; e.Judge.RewardModel && s.Reward == nil {
		l.wrong(judge, "needs the section reward, which is not there", "add reward, or use another judge")
	}
}

// resolveInputs makes paths of inputs ready to open, and looks at them if asked to.
func (l *loader) resolveInputs(e *Experiment, opts Options) {
	for _, name := range slices.Sorted(maps.Keys(opts.Inputs)) {
		at := place{file: "--input " + clip(name) + "=" + clip(opts.Inputs[name])}
		if _, declared := e.Spec.Inputs[name]; !declared {
			names := slices.Sorted(maps.Keys(e.Spec.Inputs))
			l.add(at, "", fmt.Sprintf("no input is called %q", clip(name)), suggest(name, names, "declare it under spec.inputs"))
			continue
		}
		path := "spec.inputs." + name + ".path"
		if opts.Inputs[name] == "" {
			l.add(at, path, "is empty", "write --input NAME=PATH")
		}
		l.where[path] = at
	}
	for _, name := range slices.Sorted(maps.Keys(e.Spec.Inputs)) {
		path := "spec.inputs." + name + ".path"
		in := e.Spec.Inputs[name]
		if given := opts.Inputs[name]; given != "" {
			in.Path = given
		} else if in.Path != "" {
			in.Path = filepath.Join(filepath.Dir(l.file), filepath.FromSlash(in.Path))
		}
		e.Spec.Inputs[name] = in
		if in.Path == "" && opts.NeedInputs && !l.bad[path] && !l.bad["spec.inputs."+name] {
			l.wrong(path, "is given neither here nor on the command line", fmt.Sprintf("add --input %s=PATH", name))
		}
		if in.Path != "" && opts.Stat != nil {
			l.stat(path, in.Path, "folder", opts)
		}
	}
	if opts.Stat == nil {
		return
	}
	for _, f := range l.files {
		in := e.Spec.Inputs[f.file.Input]
		if in.Path == "" || l.bad["spec.inputs."+f.file.Input+".path"] || l.bad[f.path+".path"] {
			continue
		}
		l.stat(f.path+".path", filepath.Join(in.Path, filepath.FromSlash(f.file.Path)), f.is, opts)
	}
	if opts.Read != nil {
		l.readPrompts(e, opts)
	}
}

// stat reports a path that is absent or of the wrong kind.
func (l *loader) stat(field, path, is string, opts Options) {
	info, err := opts.Stat(path)
	switch {
	case err != nil:
		cause := err.Error()
		if _, after, ok := strings.Cut(cause, path+": "); ok {
			cause = after
		}
		l.wrong(field, fmt.Sprintf("%s cannot be read: %s", path, cause), "correct the path, or put the data there")
	case info.IsDir() != (is == "folder"):
		l.wrong(field, fmt.Sprintf("%s is not a %s", path, is), "give the path of a "+is)
	}
}
