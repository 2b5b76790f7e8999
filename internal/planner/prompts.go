package planner

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/plan"
)

// named lists the experiment's own texts in the plan.
func (b *builder) named() {
	for _, name := range slices.Sorted(maps.Keys(b.e.Spec.Prompts)) {
		p := b.e.Spec.Prompts[name]
		if p.Content() == "" && b.err == nil {
			b.err = fmt.Errorf("prompt %s: its text was not read", name)
		}
		b.plan.Prompts = append(b.plan.Prompts, plan.Prompt{PromptName: plan.PromptName{Name: name, Digest: plan.TextDigest(p.Content())}, Role: p.Role, File: *file(&p.Text)})
	}
}

// text is what a prompt says; "" stands for the built-in text.
func (b *builder) text(name string) string { return b.e.Spec.Prompts[name].Content() }

// prompt is what scores say of a prompt; nil of the built-in text.
func (b *builder) prompt(name string) *plan.PromptName {
	if name == "" {
		return nil
	}
	return &plan.PromptName{Name: name, Digest: plan.TextDigest(b.text(name))}
}

// prompts are the texts that roles have by the names of prompts; nil where none has its own.
func (b *builder) prompts(names map[string]string) plan.Prompts {
	var own plan.Prompts
	for role, name := range names {
		if name == "" {
			continue
		}
		if own == nil {
			own = plan.Prompts{}
		}
		own[role] = b.text(name)
	}
	return own
}

// candidatePrompts are the prompts of candidates that have one, by candidate.
func (b *builder) candidatePrompts(v *experiment.Evaluate) map[string]plan.PromptName {
	named := map[string]plan.PromptName{}
	for _, c := range v.Candidates {
		if p := b.prompt(c.Prompt); p != nil {
			named[c.Name] = *p
		}
	}
	return named
}
