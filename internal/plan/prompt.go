package plan

import "github.com/gymline/gymline/internal/store"

// A Prompt says which of the experiment's own texts it is.
type Prompt struct {
	Name   string       `json:"name"`
	Role   string       `json:"role"`
	Digest store.Digest `json:"digest"` // of the text
	File   File         `json:"file"`   // that it stands in
}

// String is how people read it.
func (p Prompt) String() string { return p.Name + " (" + Short(p.Digest) + ")" }

// Short is a digest as people compare it.
func Short(d store.Digest) string { return string(d[:min(12, len(d))]) }

// Prompts are an experiment's own texts, by role.
type Prompts map[string]string

// Text is a role's text; "" is the built-in one.
func (p Prompts) Text(role string) string { return p[role] }

// Digests are the texts' digests by role; nil where there are none.
func (p Prompts) Digests() map[string]store.Digest {
	var digests map[string]store.Digest
	for role, text := range p {
		if digests == nil {
			digests = map[string]store.Digest{}
		}
		digests[role] = store.DigestOf([]byte(text))
	}
	return digests
}
