package sim

import (
	"slices"
	"strings"
	"unicode"
)

// words returns the content words of a text, lower case and stemmed, each once.
func words(text string) []string {
	var out []string
	for _, w := range strings.FieldsFunc(strings.ToLower(text), notWord) {
		if !stop[w] {
			if w = stem(w); !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	return out
}

func notWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// stem strips one common ending, so that "files", "file" and "filed" are one.
func stem(w string) string {
	for _, end := range []string{"ing", "ed", "es", "s"} {
		if len(w) >= len(end)+3 && strings.HasSuffix(w, end) {
			w = w[:len(w)-len(end)]
			break
		}
	}
	if len(w) > 3 {
		w = strings.TrimSuffix(w, "e")
	}
	return w
}

// shared counts the words of a that are also in b.
func shared(a, b []string) int {
	n := 0
	for _, w := range a {
		if slices.Contains(b, w) {
			n++
		}
	}
	return n
}

// quotes returns the quoted parts of a text.
func quotes(text string) []string {
	var out []string
	for {
		i := strings.IndexAny(text, "'\"‘“")
		if i < 0 {
			return out
		}
		if i > 0 && !strings.ContainsRune(" ([:,", rune(text[i-1])) { // an apostrophe
			text = text[i+1:]
			continue
		}
		rest := text[i+1:]
		if text[i] >= 0x80 {
			rest = text[i+3:]
		}
		j := closing(rest)
		if j < 0 {
			return out
		}
		if q := strings.TrimSpace(rest[:j]); q != "" {
			out = append(out, q)
		}
		text = rest[j:]
		if len(text) > 0 {
			text = text[1:]
		}
	}
}

// closing returns where a quote ends: at a mark that no letter follows.
func closing(s string) int {
	for i, r := range s {
		switch r {
		case '\'', '"', '’', '”':
			next := s[i+len(string(r)):]
			if next == "" || notWord(rune(next[0])) && next[0] < 0x80 {
				return i
			}
		}
	}
	return -1
}

func set(list string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		m[w] = true
	}
	return m
}

// stop are the words that tell nothing of what a text is about.
var stop = set(`a an the this that these those it its i me my you your he she his her they them their we our us who what which whose when where how why
		is are was were be been being am do does did done has have had can could will would should may might must not no nor so as at by for from in into of off on
		onto or out over per than then to too under until up upon with within without and but if while after before about above across again against all any
		both each few more most other some such only own same very just also there here now still yet one two three first second third next last
		user agent assistant person several many much new four five six seven eight nine ten back forth aloud once twice together well same
		hour hours minute minutes day days week weeks month months year years reports answers shows says prints uses calls runs asks thing things everything`)
