package llm

import (
	"fmt"
	"strings"
)

// Describe says in a line what a model is and how it is asked, beside its name in the
// experiment.
func (m Model) Describe() string {
	if m.Simulated() {
		return fmt.Sprintf("stand-in, skill %g", m.Skill)
	}
	parts := []string{m.Model + " at " + m.Endpoint()}
	if s := m.Settings(); s != "" {
		parts = append(parts, s)
	}
	return strings.Join(parts, ", ")
}

// Settings are what the model is asked with besides the prompt, as far as it is set.
func (m Model) Settings() string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if m.Temperature != nil {
		add("temperature %g", *m.Temperature)
	}
	if m.TopP != nil {
		add("topP %g", *m.TopP)
	}
	if m.MaxTokens > 0 {
		add("maxTokens %d", m.MaxTokens)
	}
	if m.Mode() != ModeSchema {
		add("schema %s", m.Mode())
	}
	for _, d := range []struct {
		set  bool
		name string
	}{{m.NoSeed, "without seed"}, {m.NoSystem, "without system text"}, {m.NoStrict, "not strict"}, {m.Unredacted, "not redacted"}} {
		if d.set {
			add("%s", d.name)
		}
	}
	if m.Body != nil {
		add("body %s", m.Body)
	}
	return strings.Join(parts, ", ")
}
