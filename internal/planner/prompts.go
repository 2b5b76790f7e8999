package planner

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// named lists the experiment's own texts in the plan.
func (b *builder) named() {
	for _, name := range slices.Sorted(maps.Keys(b.e.Spec.Prompts)) {
		p := b.e.Spec.Prompts[name]
		if p.Content() == "" && b.err == nil {
			b.err = fmt.Errorf("prompt %s: its text was not read", name)
		}
		b.plan.Prompts = append(b.plan.Prompts, plan.Prompt{Name: name, Role: p.Role, Digest: store.DigestOf([]byte(p.Content())), File: *file(&p.Text)})
	}
}

// text is what a prompt says; "" stands for the built-in text.
func (b *builder) text(name string) string { return b.e.Spec.Prompts[name].Content() }

// prompt is the plan's record of a prompt; nil for the built-in text.
func (b *builder) prompt(name string) *plan.Prompt {
	for _, p := range b.plan.Prompts {
		if p.Name == name {
			return &p
		}
	}
	return nil
}

// prompts are the texts of roles, given as role and name in turn.
func (b *builder) prompts(pairs ...string) plan.Prompts {
	var own plan.Prompts
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		if own == nil {
			own = plan.Prompts{}
		}
		own[pairs[i]] = b.text(pairs[i+1])
	}
	return own
}

// candidatePrompts are the prompts of candidates that have one, by candidate.
func (b *builder) candidatePrompts(v *experiment.Evaluate) map[string]plan.Prompt {
	named := map[string]plan.Prompt{}
	for _, c := range v.Candidates {
		if p := b.prompt(c.Prompt); p != nil {
			named[c.Name] = *p
		}
	}
	return named
}
