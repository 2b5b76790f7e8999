package finetuneexport

import (
	"slices"

	"github.com/gymline/gymline/internal/dataset"
	"github.com/gymline/gymline/internal/store"
)

// tracesFile says for each trace which split it is in.
const tracesFile = "traces.jsonl"

type traceLine struct {
	Source string         `json:"source"`
	Trace  string         `json:"trace"`
	Split  string         `json:"split"`
	Rows   map[string]int `json:"rows"` // lines written, by set
}

// count takes in a row that is written.
func (s *set) count(split string, o outcome) {
	if s.Classes[o.class] == nil {
		s.Classes[o.class] = map[string]int{}
	}
	s.Classes[o.class][split]++
	s.systems.count(o.messages[0].Content, func(text string) string { return text })
	kinds := map[string]bool{}
	for _, m := range o.messages {
		for kind := range m.kinds {
			kinds[kind] = true
		}
	}
	for kind := range kinds {
		if s.Placeholders == nil {
			s.Placeholders = map[string]int{}
		}
		s.Placeholders[kind]++
	}
	n := tokens(o.messages)
	s.Tokens.Longest = max(s.Tokens.Longest, n)
	if n > s.Tokens.Cutoff {
		s.Tokens.Over[split]++
	}
}

// written is how many rows of a set a split has.
func written(s dataset.Set, split string) int {
	n := 0
	for _, bySplit := range s.Classes {
		n += bySplit[split]
	}
	return n
}

// systems counts rows by the system text that they start with.
type systems struct {
	list []dataset.System
	at   map[string]int // text → index in list; rows have few
}

// count adds a row; shown is what becomes of its text.
func (s *systems) count(text string, shown func(string) string) {
	i, ok := s.at[text]
	if !ok {
		digest := store.DigestOf([]byte(shown(text)))
		i = slices.IndexFunc(s.list, func(x dataset.System) bool { return x.Digest == digest })
		if i < 0 {
			i, s.list = len(s.list), append(s.list, dataset.System{Digest: digest})
		}
		if s.at == nil {
			s.at = map[string]int{}
		}
		s.at[text] = i
	}
	s.list[i].Rows++
}

// withModel adds what a session says of a role's model, in order of roles.
func withModel(list []dataset.Model, m dataset.Model) []dataset.Model {
	i := slices.IndexFunc(list, func(x dataset.Model) bool { return x.Role >= m.Role })
	switch {
	case i < 0:
		return append(list, m)
	case list[i].Role != m.Role:
		return slices.Insert(list, i, m)
	}
	for _, by := range m.AnsweredBy {
		if at, there := slices.BinarySearch(list[i].AnsweredBy, by); !there {
			list[i].AnsweredBy = slices.Insert(slices.Clone(list[i].AnsweredBy), at, by)
		}
	}
	return list
}
