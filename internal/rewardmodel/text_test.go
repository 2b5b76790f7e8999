package rewardmodel

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"The user opens 'main.go'.", "the user opens main go"},
		{"PAGE-2 of v10b", "page 2 of v 10 b"},
		{"搜索“车票”now", "搜 索 车 票 now"},
		{"naïve café", "na ve caf"},
		{"", ""},
	} {
		if got := strings.Join(split(c.in), " "); got != c.want {
			t.Errorf("split(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestStem(t *testing.T) {
	for in, want := range map[string]string{
		"searching": "search", "searched": "search", "searches": "search", "repeatedly": "repeat", "quickly": "quick",
		"tabs": "tab", "bus": "bus", "sing": "sing", "used": "used", "车": "车", "2024": "2024",
	} {
		if got := stem(in); got != want {
			t.Errorf("stem(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestNewText(t *testing.T) {
	got := newText("The user searches for 'trains to Bern' and searches for don't-panic \"Bern\".")
	if want := []string{"search", "train", "bern", "search", "don", "panic", "bern"}; !slices.Equal(got.words, want) {
		t.Errorf("words %q, want %q", got.words, want)
	}
	if want := []string{"bern", "don", "panic", "search", "train"}; !slices.Equal(got.set, want) {
		t.Errorf("set %q, want %q", got.set, want)
	}
	if want := []string{"bern", "train"}; !slices.Equal(got.quoted, want) {
		t.Errorf("quoted %q, want %q: the apostrophe of don't opens nothing", got.quoted, want)
	}
	if !slices.Contains(got.bigrams, "train bern") || slices.Contains(got.bigrams, "bern train") {
		t.Errorf("bigrams %q", got.bigrams)
	}
	if got.cues != searchCue {
		t.Errorf("cues %b, want search alone, %b", got.cues, searchCue)
	}
	if q := newText("用户搜索“火车票”").quoted; !slices.Equal(q, []string{"火", "票", "车"}) {
		t.Errorf("Chinese quotes: %q", q)
	}
}

func TestCosine(t *testing.T) {
	// "abcd" has the one 4-gram abcd; "abcde" has abcd and bcde: 1/(1·√2).
	if got, want := cosine(newText("abcd"), newText("ABCDE!")), 1/math.Sqrt2; math.Abs(got-want) > 1e-15 {
		t.Errorf("cosine = %v, want %v", got, want)
	}
	a := newText("open the train table")
	if got := cosine(a, a); math.Abs(got-1) > 1e-15 {
		t.Errorf("cosine with itself = %v", got)
	}
	if got := cosine(a, newText("abc")); got != 0 {
		t.Errorf("cosine with a text too short for a 4-gram = %v", got)
	}
}

func TestCues(t *testing.T) {
	if len(cues) > 32 {
		t.Fatalf("%d cues do not fit into 32 bits", len(cues))
	}
	seen := map[string]bool{}
	for _, c := range cues {
		if seen[c.name] {
			t.Errorf("cue %q is listed twice", c.name)
		}
		seen[c.name] = true
	}
	got := newText("An error message appears after the user pastes the snippet.").cues
	if want := cueBit("error") | cueBit("paste"); got != want {
		t.Errorf("cues %b, want %b", got, want)
	}
}

func FuzzText(f *testing.F) {
	f.Add("The user types 'x' in \"y\".", "help")
	f.Add("用户搜索“火车票”\xff\xfe", "İstanbul ` ' “")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := newText(a), newText(b)
		for _, set := range [][]string{x.set, x.bigrams, x.quoted} {
			if !slices.IsSorted(set) || len(slices.Compact(slices.Clone(set))) != len(set) {
				t.Fatalf("not a sorted set: %q", set)
			}
		}
		if c := cosine(x, y); math.IsNaN(c) || c < 0 || c > 1+1e-9 || c != cosine(y, x) {
			t.Fatalf("cosine %v, backwards %v", c, cosine(y, x))
		}
	})
}
