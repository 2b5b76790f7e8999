package rewardmodel

import (
	"cmp"
	"slices"
	"strings"
)

// A word is the rank of a stemmed word among all words of a lexicon. Ranks are
// in the words' order, so sums over sorted sets add up the same numbers in the
// same order, whatever text came first.
type word = uint32

// A lexicon knows the words of texts, each by a number that it keeps and by its
// rank. Its zero value is empty.
type lexicon struct {
	words  []string // by number
	rank   []word   // by number, up to the last sort
	order  []uint32 // numbers by rank
	number map[string]uint32
	met    map[string]met // by the word as it stands in texts
}

// met is what there is to know of a word of a text.
type met struct {
	number uint32
	cues   uint32
	stop   bool // it counts nowhere
}

func (l *lexicon) meet(raw string) met {
	if m, ok := l.met[raw]; ok {
		return m
	}
	if l.met == nil {
		l.met, l.number = map[string]met{}, map[string]uint32{}
	}
	raw = strings.Clone(raw) // and not the text around it
	w := stem(raw)
	m := met{cues: cueWords[raw], stop: stopWords[w]}
	if !m.stop {
		n, ok := l.number[w]
		if !ok {
			n = uint32(len(l.words))
			l.words, l.number[w] = append(l.words, w), n
		}
		m.number = n
	}
	l.met[raw] = m
	return m
}

// cut appends the numbers of the words of s, in order, without stop words.
func (l *lexicon) cut(s string, to []uint32) (out []uint32, cues uint32) {
	for raw := range split(s) {
		m := l.meet(raw)
		cues |= m.cues
		if !m.stop {
			to = append(to, m.number)
		}
	}
	return to, cues
}

// sort ranks the words that were met since it was last called, and returns the
// new rank of each old one; nil when no word is new.
func (l *lexicon) sort() (moved []word) {
	if len(l.rank) == len(l.words) {
		return nil
	}
	fresh := make([]uint32, 0, len(l.words)-len(l.rank))
	for n := len(l.rank); n < len(l.words); n++ {
		fresh = append(fresh, uint32(n))
	}
	slices.SortFunc(fresh, func(a, b uint32) int { return cmp.Compare(l.words[a], l.words[b]) })
	old := l.order
	l.order, l.rank = make([]uint32, 0, len(l.words)), make([]word, len(l.words))
	moved = make([]word, 0, len(old))
	for len(old)+len(fresh) > 0 {
		from := &fresh
		if len(fresh) == 0 || len(old) > 0 && l.words[old[0]] < l.words[fresh[0]] {
			from, moved = &old, append(moved, word(len(l.order)))
		}
		n := (*from)[0]
		*from = (*from)[1:]
		l.rank[n] = word(len(l.order))
		l.order = append(l.order, n)
	}
	return moved
}
