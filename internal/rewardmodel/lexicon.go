package rewardmodel

import (
	"cmp"
	"slices"
	"strings"
)

// A word is the rank of a stemmed word among all words of a lexicon, in
// alphabetical order: sums over sorted sets add up the same numbers in the same
// order, whichever text came first.
type word = uint32

// A lexicon knows the words of texts. Each has a number, in the order they came,
// and once the lexicon is sorted a rank. The zero value is empty.
type lexicon struct {
	words  []string // by number
	number map[string]uint32
	rank   []word   // by number
	order  []uint32 // numbers by rank
}

// cut appends the numbers of the words of s, in order, without stop words.
func (l *lexicon) cut(s string, to []uint32) (out []uint32, found uint32) {
	if l.number == nil {
		l.number = map[string]uint32{}
	}
	for raw := range split(s) {
		found |= cueWords[raw]
		w := stem(raw)
		if stopWords[w] {
			continue
		}
		n, ok := l.number[w]
		if !ok {
			n, w = uint32(len(l.words)), strings.Clone(w) // or the map would keep the whole text
			l.words, l.number[w] = append(l.words, w), n
		}
		to = append(to, n)
	}
	return to, found
}

// sort ranks all words. It returns the order before, nil when no word is new.
func (l *lexicon) sort() (before []uint32) {
	before = l.order
	if len(before) == len(l.words) {
		return nil
	}
	l.order = slices.Clone(before)
	for n := len(before); n < len(l.words); n++ {
		l.order = append(l.order, uint32(n))
	}
	slices.SortFunc(l.order, func(a, b uint32) int { return cmp.Compare(l.words[a], l.words[b]) })
	l.rank = make([]word, len(l.words))
	for r, n := range l.order {
		l.rank[n] = word(r)
	}
	return before
}

// ranks returns the set of words with these numbers.
func (l *lexicon) ranks(numbers []uint32) []word {
	set := make([]word, len(numbers))
	for i, n := range numbers {
		set[i] = l.rank[n]
	}
	slices.Sort(set)
	return slices.Compact(set)
}
