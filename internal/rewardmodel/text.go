package rewardmodel

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"strings"
	"unicode"
)

// A text is an event's or a task's sentence, ready for features.
type text struct {
	length  int      // in words, without stop words
	set     []word   // sorted, distinct
	bigrams []uint64 // sorted, distinct pairs of neighbouring words' numbers
	quoted  []word   // sorted, distinct words between quotes
	grams   []gram   // sorted by hash
	norm    float64  // Euclidean length of grams
	cues    uint32   // bit i: cues[i] occurs
	spoken  []uint32 // words in order, stop words among them, by hash
	said    []uint32 // the distinct ones, sorted
}

// A gram counts a character 4-gram by its hash.
type gram struct{ hash, count uint32 }

// prepare prepares a text, once the lexicon is sorted.
func (d *Dataset) prepare(id int32) *text {
	s, words := &d.texts[id], d.words(id)
	t := &text{length: len(words), set: d.lexicon.ranks(words), quoted: d.lexicon.ranks(d.numbers[s.quoted:s.end]), cues: s.cues}
	if len(words) > 1 {
		t.bigrams = make([]uint64, len(words)-1)
		for i, n := range words[1:] {
			t.bigrams[i] = uint64(words[i])<<32 | uint64(n)
		}
		slices.Sort(t.bigrams)
		t.bigrams = slices.Compact(t.bigrams)
	}
	t.grams, t.norm = charGrams(s.text)
	t.spoken, t.said = spoken(s.text)
	return t
}

// split lower-cases s and cuts it into runs of a-z, runs of 0-9 and single
// Chinese characters; everything else separates.
func split(s string) iter.Seq[string] {
	return func(yield func(string) bool) {
		start, kind := 0, 0 // the run under way; kind 0 is none
		s := strings.ToLower(s)
		for i, r := range s {
			k := 0
			switch {
			case r >= 'a' && r <= 'z':
				k = 1
			case r >= '0' && r <= '9':
				k = 2
			case r >= 0x4e00 && r <= 0x9fff:
				k = 3
			}
			if kind != 0 && (k != kind || k == 3) {
				if !yield(s[start:i]) {
					return
				}
				kind = 0
			}
			if k != 0 && kind == 0 {
				start, kind = i, k
			}
		}
		if kind != 0 {
			yield(s[start:])
		}
	}
}

// suffixes are tried longest first, so that -edly goes before -ed and -ly.
var suffixes = []string{"edly", "ing", "ed", "es", "ly", "s"}

// stem strips one suffix where at least 3 letters remain.
func stem(w string) string {
	for _, s := range suffixes {
		if len(w) >= len(s)+3 && strings.HasSuffix(w, s) {
			return w[:len(w)-len(s)]
		}
	}
	return w
}

// stopWords are listed as stem leaves them.
var stopWords = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`a an the and or but if then than so of in on at to for from by with about into over
		after before between out up down off is are was were be been being am do does did has have had having it its this
		that these those there here he she they them his her their user users i you your we our my me who whom which what
		when where why how can could will would shall should may might must not no nor as while during within through via
		using use some any each other another more most such only own same too very just also s t`) {
		m[stem(w)] = true
		m[w] = true
	}
	return m
}()

// quotes yields what stands between quotation marks of one kind. An apostrophe
// inside a word opens nothing.
func quotes(s string) iter.Seq[string] {
	return func(yield func(string) bool) {
		closing, start := rune(0), 0
		prev := ' '
		for i, r := range s {
			switch {
			case closing != 0 && r == closing:
				if i > start && !yield(s[start:i]) {
					return
				}
				closing = 0
			case closing == 0:
				switch r {
				case '\'', '`':
					if !unicode.IsLetter(prev) && !unicode.IsDigit(prev) {
						closing, start = r, i+1
					}
				case '"':
					closing, start = '"', i+1
				case '“':
					closing, start = '”', i+len("“")
				}
			}
			prev = r
		}
	}
}

// charGrams counts the 4-grams of the lower-cased letters and digits of s, with
// one space for whatever stands between them, and returns their vector's length.
func charGrams(s string) ([]gram, float64) {
	runes := make([]rune, 0, len(s))
	space := true
	for _, r := range strings.ToLower(s) {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			runes, space = append(runes, r), false
		} else if !space {
			runes, space = append(runes, ' '), true
		}
	}
	if space && len(runes) > 0 {
		runes = runes[:len(runes)-1]
	}
	hashes := make([]uint32, 0, len(runes))
	for i := 0; i+4 <= len(runes); i++ {
		h := uint32(2166136261) // FNV-1a over the runes
		for _, r := range runes[i : i+4] {
			h = (h ^ uint32(r)) * 16777619
		}
		hashes = append(hashes, h)
	}
	slices.Sort(hashes)
	out := make([]gram, 0, len(hashes))
	for i, h := range hashes {
		if i == 0 || h != hashes[i-1] {
			out = append(out, gram{hash: h})
		}
		out[len(out)-1].count++
	}
	sum := uint64(0)
	for _, g := range out {
		sum += uint64(g.count) * uint64(g.count)
	}
	return out, math.Sqrt(float64(sum))
}

// cosine compares two texts by their 4-grams: 0 nothing shared, 1 the same.
func cosine(a, b *text) float64 {
	dot := uint64(0)
	for i, j := 0, 0; i < len(a.grams) && j < len(b.grams); {
		switch x, y := a.grams[i], b.grams[j]; {
		case x.hash < y.hash:
			i++
		case x.hash > y.hash:
			j++
		default:
			dot += uint64(x.count) * uint64(y.count)
			i, j = i+1, j+1
		}
	}
	return ratio(float64(dot), a.norm*b.norm)
}

// shared appends the members of two sorted sets that are in both.
func shared[T cmp.Ordered](to, a, b []T) []T {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			to = append(to, a[i])
			i, j = i+1, j+1
		}
	}
	return to
}
