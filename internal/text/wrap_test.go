package text

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestWrap(t *testing.T) {
	for s, want := range map[string][]string{
		"":                    {""},
		"one two three":       {"one two", "three"},
		"one\n\ntwo\n":        {"one", "", "two"},
		"abcdefghijklmnop qr": {"abcdefgh", "ijklmnop", "qr"},
		"äöüäöüäö ü 世界世界世界世界世": {"äöüäöüäö", "ü", "世界世界世界世界", "世"},
	} {
		if got := Wrap(s, 8); !slices.Equal(got, want) {
			t.Errorf("%q: %q", s, got)
		}
	}
}

// No letter is lost but the spaces at which a line is broken, and no line is too long.
func FuzzWrap(f *testing.F) {
	f.Add("one two  three", 5)
	f.Add("0000\xbf00", 5) // what is no UTF-8 counts as a letter
	f.Fuzz(func(t *testing.T, s string, width int) {
		width = 1 + width&63
		lines := Wrap(s, width)
		for _, line := range lines {
			if utf8.RuneCountInString(line) > width {
				t.Fatalf("%q is longer than %d", line, width)
			}
		}
		bare := strings.NewReplacer(" ", "", "\n", "").Replace
		if utf8.ValidString(s) && bare(strings.Join(lines, "")) != bare(s) {
			t.Fatalf("%q became %q", s, lines)
		}
	})
}
