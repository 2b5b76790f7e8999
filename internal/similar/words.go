package similar

import (
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"
)

// appendShingles appends the hashes of the words in threes of each sentence. A
// shorter sentence counts by its words, and one without words as a whole, so
// that only a blank one is empty.
func (c *Corpus) appendShingles(set []shingle, part uint64, sentences []string) []shingle {
	for _, s := range sentences {
		set = appendSentence(set, part, s, c.runs)
	}
	return set
}

func appendSentence(set []shingle, part uint64, s string, runs bool) []shingle {
	var a, b uint64 // the two words before
	n := 0
	words(s, runs, func(w uint64) {
		if n >= 2 {
			set = append(set, element(part, a, b, w))
		}
		a, b = b, w
		n++
	})
	switch n {
	case 0:
		if s = strings.TrimSpace(s); s != "" {
			set = append(set, element(part, hash(s)))
		}
	case 1:
		set = append(set, element(part, b))
	case 2:
		set = append(set, element(part, a), element(part, b))
	}
	return set
}

// element is the shingle of some words, not yet ranked.
func element(part uint64, words ...uint64) shingle {
	h := uint64(len(words))
	for _, w := range words {
		h = mix(h ^ w)
	}
	return (h<<1 | part) & (1<<hashBits - 1)
}

// words calls fn with the hash of every word: a run of letters, marks and digits
// without regard to case, or a single character of scripts without spaces; with runs, a
// run of those.
func words(s string, runs bool, fn func(uint64)) {
	h, within, dense := offset, false, false // dense: within such a run
	end := func() {
		if within {
			fn(h)
			h, within, dense = offset, false, false
		}
	}
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case 'A' <= c && c <= 'Z':
				c |= 0x20
			case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
			default:
				end()
				continue
			}
			if dense {
				end()
			}
			h, within = (h^uint64(c))*prime, true
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		switch {
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai):
			if !dense {
				end()
			}
			h, within, dense = (h^uint64(r))*prime, true, true
			if !runs {
				end()
			}
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			if dense && !unicode.IsMark(r) {
				end()
			}
			h, within = (h^uint64(unicode.ToLower(r)))*prime, true
		default:
			end()
		}
	}
	end()
}

// FNV-1a, over characters.
const (
	offset uint64 = 14695981039346656037
	prime  uint64 = 1099511628211
)

func hash(s string) uint64 {
	h := offset
	for _, r := range s {
		h = (h ^ uint64(r)) * prime
	}
	return h
}

// mix spreads a number over all bits.
func mix(h uint64) uint64 {
	hi, lo := bits.Mul64(h^0x9e3779b97f4a7c15, 0xd1342543de82ef95)
	return hi ^ lo
}
