package rewardmodel

import (
	"fmt"
	"math"
	"math/rand/v2"
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
		if got := strings.Join(slices.Collect(split(c.in)), " "); got != c.want {
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

// readText takes a text apart with a lexicon of its own that knew other words
// before, and spells out its sets.
func readText(s string) (t *text, words, set, quoted, bigrams []string) {
	var d Dataset
	l := &d.lexicon
	d.text("zebra panic aardvark bern")
	l.sort()
	id := d.text(s)
	l.sort()
	t = d.prepare(id)
	for _, n := range d.words(id) {
		words = append(words, l.words[n])
	}
	spell := func(ranks []word) (out []string) {
		for _, r := range ranks {
			out = append(out, l.words[l.order[r]])
		}
		return out
	}
	for _, b := range t.bigrams {
		bigrams = append(bigrams, l.words[b>>32]+" "+l.words[uint32(b)])
	}
	return t, words, spell(t.set), spell(t.quoted), bigrams
}

func newText(s string) *text {
	t, _, _, _, _ := readText(s)
	return t
}

func TestText(t *testing.T) {
	got, words, set, quoted, bigrams := readText("The user searches for 'trains to Bern' and searches for don't-panic \"Bern\".")
	if want := []string{"search", "train", "bern", "search", "don", "panic", "bern"}; !slices.Equal(words, want) || got.length != len(want) {
		t.Errorf("%d words %q, want %q", got.length, words, want)
	}
	if want := []string{"bern", "don", "panic", "search", "train"}; !slices.Equal(set, want) {
		t.Errorf("set %q, want %q", set, want)
	}
	if want := []string{"bern", "train"}; !slices.Equal(quoted, want) {
		t.Errorf("quoted %q, want %q: the apostrophe of don't opens nothing", quoted, want)
	}
	if !slices.Contains(bigrams, "train bern") || slices.Contains(bigrams, "bern train") {
		t.Errorf("bigrams %q", bigrams)
	}
	if got.cues != searchCue {
		t.Errorf("cues %b, want search alone, %b", got.cues, searchCue)
	}
	if _, _, _, q, _ := readText("用户搜索“火车票”"); !slices.Equal(q, []string{"火", "票", "车"}) {
		t.Errorf("Chinese quotes: %q", q)
	}
}

// TestLexiconStaysSorted: whenever words come, ranks are in the order of the
// words, and texts of before can follow.
func TestLexiconStaysSorted(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var d Dataset
	l := &d.lexicon
	var first *text
	var firstID int32
	for range 50 {
		s := ""
		for range rng.IntN(5) {
			s += fmt.Sprintf(" w%d", rng.IntN(2000)*7919%1000)
		}
		id, known := d.text(s), len(l.rank)
		before := l.sort()
		if len(l.words) > known && first != nil {
			first.rerank(before, l.rank)
		}
		if len(l.order) != len(l.words) || len(l.rank) != len(l.words) {
			t.Fatalf("%d words, %d in order, %d ranked", len(l.words), len(l.order), len(l.rank))
		}
		for r, n := range l.order {
			if l.rank[n] != word(r) || r > 0 && l.words[l.order[r-1]] >= l.words[n] {
				t.Fatalf("rank %d is of %q after %q", r, l.words[n], l.words[l.order[max(r-1, 0)]])
			}
		}
		if first == nil && len(d.words(id)) > 2 {
			first, firstID = d.prepare(id), id
		} else if first != nil && (!slices.IsSorted(first.set) || !slices.Equal(first.set, d.prepare(firstID).set)) {
			t.Fatalf("set %v", first.set)
		}
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
		_, _, set, quoted, _ := readText(a)
		for _, set := range [][]string{set, quoted} {
			if !slices.IsSorted(set) || len(slices.Compact(slices.Clone(set))) != len(set) {
				t.Fatalf("not a sorted set: %q", set)
			}
		}
		if c := cosine(x, y); math.IsNaN(c) || c < 0 || c > 1+1e-9 || c != cosine(y, x) {
			t.Fatalf("cosine %v, backwards %v", c, cosine(y, x))
		}
	})
}
