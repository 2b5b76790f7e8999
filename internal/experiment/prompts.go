package experiment

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/prompt"
)

// A Prompt is a system text of the experiment's own.
type Prompt struct {
	_    struct{} `doc:"A system text of the experiment's own, in place of the built-in one of its role, which gymline prompts show ROLE prints. docs/prompts.md tells what stands in it."`
	Role string   `json:"role" required:"true" enum:"agent,judge,user,environment,scenes" doc:"Whose text it is."`
	Text File     `json:"text" required:"true" is:"file" doc:"File that holds it: UTF-8, at most 32 KiB."`

	content string // of the file, as prompt.Text has it
}

// Content is the text, if the experiment was loaded with Options.Read.
func (p Prompt) Content() string { return p.content }

// GymPrompts name the texts that the gym's roles have of the experiment's own.
type GymPrompts struct {
	_           struct{} `doc:"Prompts of the gym's roles, by name; of those left out it is the built-in text. What export writes of the gym trains on the agent's."`
	Agent       string   `json:"agent,omitempty" ref:"prompt" doc:"A prompt of the role agent."`
	User        string   `json:"user,omitempty" ref:"prompt" doc:"A prompt of the role user."`
	Environment string   `json:"environment,omitempty" ref:"prompt" doc:"A prompt of the role environment."`
	Scenes      string   `json:"scenes,omitempty" ref:"prompt" doc:"A prompt of the role scenes, for scenes written from seeds."`
}

// ByRole names each role's prompt; "" is the built-in text.
func (g *GymPrompts) ByRole() map[string]string {
	if g == nil {
		return nil
	}
	return map[string]string{prompt.RoleAgent: g.Agent, prompt.RoleUser: g.User, prompt.RoleEnvironment: g.Environment, prompt.RoleScenes: g.Scenes}
}

// A promptUse is a place that names a prompt.
type promptUse struct{ path, role, name string }

// promptUses are the places that name prompts.
func (s *Spec) promptUses() (uses []promptUse) {
	add := func(path, role, name string) {
		if name != "" {
			uses = append(uses, promptUse{path, role, name})
		}
	}
	if g := s.Generate; g != nil {
		names := g.Prompts.ByRole()
		for _, role := range slices.Sorted(maps.Keys(names)) {
			add("spec.generate.prompts."+role, role, names[role])
		}
	}
	if v := s.Evaluate; v != nil {
		for i, c := range v.Candidates {
			add(fmt.Sprintf("spec.evaluate.candidates[%d].prompt", i), prompt.RoleAgent, c.Prompt)
		}
		add("spec.evaluate.judge.prompt", prompt.RoleJudge, v.Judge.Prompt)
	}
	return uses
}

func (l *loader) checkPrompts(s *Spec) {
	used := map[string]bool{}
	for _, use := range s.promptUses() {
		used[use.name] = true
		if p, there := s.Prompts[use.name]; there && p.Role != "" && p.Role != use.role && l.ok(use.path) {
			l.wrong(use.path, fmt.Sprintf("%s is a prompt of the role %s, and here is the role %s", clip(use.name), clip(p.Role), use.role), "name a prompt of that role, or remove it")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Prompts)) {
		if at := "spec.prompts." + name; !used[name] && !l.bad[at] {
			l.wrong(at, "is not used", "remove it, or name it in generate.prompts, at a candidate or at the judge")
		}
	}
	if g := s.Generate; g != nil && g.Prompts != nil && g.Prompts.Scenes != "" && g.Scenes.Seeds == nil {
		l.wrong("spec.generate.prompts.scenes", "is for scenes written from seeds, and there are no seeds", "remove it, or add seeds")
	}
	v := s.Evaluate
	if v == nil {
		return
	}
	for i := range v.Candidates {
		at := fmt.Sprintf("spec.evaluate.candidates[%d]", i)
		if l.given(at+".prompt") && !l.given(at+".model") {
			l.wrong(at+".prompt", "is what a model is asked with, and there is none", "remove it, or give model instead of recorded")
		}
	}
	if judge := "spec.evaluate.judge"; l.given(judge+".prompt") && !l.given(judge+".model") {
		l.wrong(judge+".prompt", "is what a language model judges by, and there is none", "remove it, or let a model judge")
	}
}

// readPrompts reads the texts, and tells all that is wrong with them where they stand.
func (l *loader) readPrompts(e *Experiment, opts Options) {
	for _, name := range slices.Sorted(maps.Keys(e.Spec.Prompts)) {
		p := e.Spec.Prompts[name]
		field, in := "spec.prompts."+name+".text.path", e.Spec.Inputs[p.Text.Input]
		if _, known := prompt.BuiltIn(p.Role); !known || in.Path == "" || p.Text.Path == "" || l.bad[field] || l.bad["spec.inputs."+p.Text.Input+".path"] {
			continue
		}
		file := filepath.Join(in.Path, filepath.FromSlash(p.Text.Path))
		data, err := opts.Read(file)
		if err != nil {
			l.wrong(field, err.Error(), "correct the path, or put the file there")
			continue
		}
		for _, f := range prompt.Faults(p.Role, data) {
			l.add(place{file, f.Line, f.Column}, "spec.prompts."+name, f.Message, f.Fix)
		}
		p.content = prompt.Text(data)
		if found := secretsIn(string(data)); found != nil {
			l.add(place{file, strings.Count(string(data[:found[0][0]]), "\n") + 1, 1}, "spec.prompts."+name, "holds what looks like a secret, and prompts are recorded and sent", secretFixOf(p.content))
		}
		e.Spec.Prompts[name] = p
	}
}

// Says is the text that a role has by the name of a prompt, "" being the built-in one.
func (s *Spec) Says(role, name string) string {
	if name == "" {
		text, _ := prompt.BuiltIn(role)
		return text
	}
	return s.Prompts[name].content
}

// AgentPrompt names the prompt that the agent's set of the export trains on: the gym's,
// or, where no row is the gym's, that of the first candidate that serves a checkpoint.
func (s *Spec) AgentPrompt() string {
	switch {
	case s.Export == nil:
		return ""
	case s.Export.Data.Gym && s.Generate != nil:
		return s.Generate.Prompts.ByRole()[prompt.RoleAgent]
	case s.Evaluate != nil:
		for _, c := range s.Evaluate.Candidates {
			if c.Checkpoint != "" {
				return c.Prompt
			}
		}
	}
	return ""
}

// AskedOtherwise tells of candidates that serve a checkpoint and are asked with another
// text than it was trained on.
func AskedOtherwise(e *Experiment) (notes []string) {
	if e == nil || e.Spec.Evaluate == nil || e.Spec.Export == nil {
		return nil
	}
	s := &e.Spec
	trained := s.AgentPrompt()
	for _, c := range s.Evaluate.Candidates {
		if c.Checkpoint != "" && s.Says(prompt.RoleAgent, c.Prompt) != s.Says(prompt.RoleAgent, trained) {
			notes = append(notes, fmt.Sprintf("candidate %s serves the checkpoint %s, which is trained with %s, and is asked with %s", c.Name, c.Checkpoint, called(trained), called(c.Prompt)))
		}
	}
	return notes
}

func called(name string) string {
	if name == "" {
		return "the built-in prompt"
	}
	return "the prompt " + name
}
