package text

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSafeShowsWhatATerminalWouldObey(t *testing.T) {
	for text, want := range map[string]string{
		"plain\n\ttext":             "plain\n\ttext",
		"Grüße, 世界 👩‍🎓 ❤️":          "Grüße, 世界 👩\\u200d🎓 ❤️",
		"\x1b[31mred\x1b]0;t\x07":   `\u001b[31mred\u001b]0;t\u0007`,
		"a\rb\x00\x7f\b":            `a\u000db\u0000\u007f\u0008`,
		"\u009b2J\u0085":            `\u009b2J\u0085`,
		"\x9b2J\xff":                `\x9b2J\xff`,
		"\u202egnp.exe\u2066\u200f": `\u202egnp.exe\u2066\u200f`,
		"a\u200bb\ufeffc\u00add":    `a\u200bb\ufeffc\u00add`,
		"\u2028\u2029\u034f\u3164":  `\u2028\u2029\u034f\u3164`,
		"\U000e0041\ufe00":          `\udb40\udc41\ufe00`,
	} {
		if got := Safe(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if got := Line("a\n\tb\u202e"); got != `a\n\tb\u202e` {
		t.Error(got)
	}
}

// In JSON the sign for a character and the character are one.
func TestSafeKeepsTheMeaningOfJSON(t *testing.T) {
	in := map[string]string{"a\u202e": "\u009b\U000e0041\u200b\x1b\n"}
	data, _ := json.Marshal(in)
	var out map[string]string
	if err := json.Unmarshal([]byte(Safe(string(data))), &out); err != nil || out["a\u202e"] != in["a\u202e"] {
		t.Errorf("%s: %q, %v", data, out, err)
	}
}

func TestWithoutColours(t *testing.T) {
	if got := WithoutColours([]byte("\x1b[1;31mloss\x1b[0m 0.5\x1b[K\x1b]8;;http://x\x07\x1b(B \x1b")); string(got) != "loss 0.5 \x1b" {
		t.Errorf("%q", got)
	}
}

// However a text arrives, the same is written, and nothing of it is obeyed.
func FuzzSafe(f *testing.F) {
	for _, s := range []string{"", "é", "\x1b[2J", "\xe2\x80", "\u202e\U000e0041", "\xc2\x9b"} {
		f.Add(s, 1)
	}
	f.Fuzz(func(t *testing.T, s string, size int) {
		safe := Safe(s)
		if !utf8.ValidString(safe) || strings.ContainsFunc(safe, obeyed) || Safe(safe) != safe {
			t.Fatalf("%q became %q", s, safe)
		}
		var b bytes.Buffer
		w := SafeWriter(&b)
		for rest := s; rest != ""; {
			n := min(max(size&7, 1), len(rest))
			if _, err := io.WriteString(w, rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if held := unfinished([]byte(s)); b.String() != Safe(s[:len(s)-held]) {
			t.Fatalf("%q was written as %q", s, b.String())
		}
	})
}
