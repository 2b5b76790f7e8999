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

// phrases returns the runs of one to three words between stop words, verbs and
// punctuation, in order: what a sentence names.
func phrases(text string) []string {
	var out []string
	var run []string
	flush := func() {
		if n := len(run); n > 0 {
			out = append(out, strings.Join(run[max(0, n-3):], " "))
		}
		run = run[:0]
	}
	for i, field := range strings.Fields(text) {
		w := strings.TrimFunc(field, notWord)
		low := strings.ToLower(w)
		name := w != low && i > 0 // a capital inside a sentence
		if w == "" || !name && (stop[low] || verbs[stem(low)] && w == low) {
			flush()
			continue
		}
		run = append(run, strings.TrimSuffix(strings.TrimSuffix(w, "'s"), "’s"))
		if strings.ContainsAny(field[len(field)-1:], ".,;:!?)'") {
			flush()
		}
	}
	flush()
	return out
}

// subject is the phrase that a text is about: the last of the longest.
func subject(text string) string {
	best, most := "", 0
	for _, p := range phrases(text) {
		if n := strings.Count(p, " ") + 1; n >= most {
			best, most = p, n
		}
	}
	return best
}

func set(list string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(list) {
		m[w] = true
	}
	return m
}

var (
	stop = set(`a an the this that these those it its i me my you your he she his her they them their we our us who what which whose when where how why
		is are was were be been being am do does did done has have had can could will would should may might must not no nor so as at by for from in into of off on
		onto or out over per than then to too under until up upon with within without and but if while after before about above across again against all any
		both each few more most other some such only own same very just also there here now still yet one two three first second third next last
		user agent assistant person several many much new four five six seven eight nine ten back forth aloud once twice together well same
		hour hours minute minutes day days week weeks month months year years reports answers shows says prints uses calls runs asks thing things everything`)
	// verbs, stemmed, that say what is done and not to what.
	verbs = set(`open clos start begin stop us typ click scroll switch return go mov mak take tak get giv look see show shown run work search find check
		review read writ edit sav select choos copi copy past add remov delet chang tri try creat implement design build develop plan prepar compar research
		investigat analyz analys conduct handl manag schedul book organiz clean repair buy host draft fix set keep put need want help includ perform receiv
		compil updat attend respond identify identifi modify modifi renew rewrit sort summariz summaris mov renam add send commit confirm tick drag highlight fold call tap fill count undo mark handl adapt mean list`)
)
