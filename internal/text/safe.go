package text

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Safe writes out, as \u202e, every character that a terminal or a reader would
// obey rather than show: control characters, C1 too, those that turn the direction
// of writing, and those without width. Line breaks and tabs stay. Bytes that are
// no UTF-8 become \x9b. Within JSON it changes no meaning. Texts of models, files,
// servers and names pass it before anybody sees them.
func Safe(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case obeyed(r):
			for _, unit := range utf16.AppendRune(nil, r) { // as JSON does: beyond four digits as a pair
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		default:
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

// Line is Safe for a cell or a name: a line break or tab cannot begin another.
func Line(s string) string {
	s = Safe(s)
	if !strings.ContainsAny(s, "\n\t") {
		return s
	}
	return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(s)
}

// plain reports whether a text is ASCII that is shown.
func plain[S string | []byte](s S) bool {
	for i := range len(s) {
		if c := s[i]; c >= 0x7f || c < ' ' && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}

// obeyed reports whether a character does something, or nothing that can be seen.
func obeyed(r rune) bool {
	switch {
	case r == '\n' || r == '\t' || ' ' <= r && r < 0x7f:
		return false
	case r == 0xfe0e || r == 0xfe0f: // how an emoji is drawn
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// SafeWriter passes on to w what Safe makes of the text that is written to it, in
// whatever pieces it comes.
func SafeWriter(w io.Writer) io.Writer { return &safeWriter{w: w} }

type safeWriter struct {
	mu   sync.Mutex
	w    io.Writer
	half []byte // the beginning of a character
}

func (s *safeWriter) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.half) == 0 && plain(p) {
		return s.w.Write(p)
	}
	all := slices.Concat(s.half, p)
	whole := len(all) - unfinished(all)
	s.half = all[whole:]
	if whole == 0 {
		return len(p), nil
	}
	if _, err := io.WriteString(s.w, Safe(string(all[:whole]))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// unfinished is how many bytes at the end of p begin a character that goes on.
func unfinished(p []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(p); n++ {
		if c := p[len(p)-n]; utf8.RuneStart(c) {
			if !utf8.FullRune(p[len(p)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}
