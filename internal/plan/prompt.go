package plan

import "github.com/gymline/gymline/internal/store"

// A PromptName tells one of the experiment's own texts from others.
type PromptName struct {
	Name   string       `json:"name"`
	Digest store.Digest `json:"digest"` // of the text
}

// String is how people read it.
func (p PromptName) String() string { return p.Name + " (" + p.Digest.Short() + ")" }

// A Prompt says where one of the experiment's own texts comes from.
type Prompt struct {
	PromptName
	Role string `json:"role"`
	File File   `json:"file"` // that it stands in
}

// Prompts are an experiment's own texts, by role; those of other roles are built in.
type Prompts map[string]string

// Digests are the texts' digests by role; nil where there are none.
func (p Prompts) Digests() map[string]store.Digest {
	if p == nil {
		return nil
	}
	digests := make(map[string]store.Digest, len(p))
	for role, text := range p {
		digests[role] = TextDigest(text)
	}
	return digests
}

// TextDigest is the digest of an experiment's own text; "" of the built-in one, which
// is "".
func TextDigest(own string) store.Digest {
	if own == "" {
		return ""
	}
	return store.DigestOf([]byte(own))
}
