package similar

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func corpusOf(texts ...string) *Corpus {
	c := &Corpus{}
	for _, s := range texts {
		c.Add([]string{s}, nil)
	}
	return c
}

func between(a, b string) float64 {
	c := corpusOf(a, b)
	c.rank()
	return similarity(c.set(0), c.set(1))
}

func TestSimilarity(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{
		{"the user opens a file", "the user opens a file", 1},
		{"the user opens a file", "The USER  opens, a 'file'.", 1},          // words alone count
		{"the user opens a file", "the user opens a folder", 2. / 4},        // 3 threes each, 2 of them shared
		{"the user opens a file", "a file opens the user", 0},               // order counts
		{"go go go go go", "go go go", 1},                                   // a set
		{"open file", "open folder", 1. / 3},                                // too short for threes: by words
		{"open", "open", 1},                                                 //
		{"open", "close", 0},                                                //
		{"", "", 1},                                                         //
		{"", "open", 0},                                                     //
		{"!!!", "???", 0},                                                   // no words: as a whole
		{"!!!", " !!! ", 1},                                                 //
		{"Straße größer ÄRGER", "straße GRÖSSER ärger", 0},                  // ß is no ss
		{"ÉTÉ À PARIS", "été à paris", 1},                                   //
		{"用户打开文件", "用户打开文件夹", 4. / 5},                                       // each character is a word
		{"line 12 of file_a.go", "line 13 of file_a.go", 2. / 6},            // digits are words
		{"a b c d", "a b c d e f g h", 2. / 6},                              //
		{"at 1717378000.744 he left", "at 1717378000 744 he left", 1},       //
		{"\xff\xfe broken bytes", "\xff\xfe broken bytes", 1},               //
		{"one two three four five", "one two three nine four five", 1. / 6}, //
	} {
		if got := between(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %v, want %v", c.a, c.b, got, c.want)
		}
		if ab, ba := between(c.a, c.b), between(c.b, c.a); ab != ba {
			t.Errorf("%q and %q: %v one way, %v the other", c.a, c.b, ab, ba)
		}
	}
}

// The smaller part decides: a long event must not hide that another task was
// proposed, nor a shared task that the event was another.
func TestPartsAreComparedApart(t *testing.T) {
	const event = "the user reads a long page about the history of the lighthouse at the end of the bay and its keeper"
	c := &Corpus{}
	c.Add([]string{event}, []string{"Summarise the page"})
	for _, other := range []struct {
		event, task string
	}{
		{event, "Close the page"},
		{event, ""},
		{"the user opens the door", "Summarise the page"},
		{"the user opens the door", event},
	} {
		c.Add([]string{other.event}, []string{other.task})
	}
	c.Add([]string{event}, []string{"summarise the page!"})
	x := Within(c, 0.4)
	x.Add(0)
	for i := 1; i <= 4; i++ {
		if m, ok := x.Nearest(i); ok {
			t.Errorf("text %d is %v like the first", i, m.Similarity)
		}
	}
	if m, ok := x.Nearest(5); !ok || m != (Match{0, 1}) {
		t.Errorf("the same in other letters: %v %v", m, ok)
	}
}

// No three words cross from one sentence to the next, so the order of tasks does
// not matter.
func TestSentencesAreASet(t *testing.T) {
	c := &Corpus{}
	c.Add([]string{"an event of some length"}, []string{"read the long page", "close the old tab"})
	c.Add([]string{"an event of some length"}, []string{"close the old tab", "read the long page"})
	x := Within(c, 1)
	x.Add(0)
	if _, ok := x.Nearest(1); !ok {
		t.Error("tasks in another order are another text")
	}
}

// naive is the similarity by its definition, on strings.
func naive(a, b string) float64 {
	set := func(s string) map[string]bool {
		w, m := strings.Fields(s), map[string]bool{}
		for i := 2; i < len(w); i++ {
			m[strings.Join(w[i-2:i+1], " ")] = true
		}
		if len(w) < 3 {
			for _, word := range w {
				m[word] = true
			}
		}
		return m
	}
	x, y := set(a), set(b)
	both := 0
	for s := range x {
		if y[s] {
			both++
		}
	}
	return float64(both) / float64(len(x)+len(y)-both)
}

// texts are n sentences of which many are others with a few words changed, so
// that similarities of every size occur; words are drawn unevenly, like a language's.
func texts(rng *rand.Rand, n, vocabulary int) []string {
	word := func() string {
		return fmt.Sprintf("w%d", int(float64(vocabulary)*rng.Float64()*rng.Float64()*rng.Float64()))
	}
	var list []string
	for i := range n {
		var w []string
		if i > 0 && rng.IntN(3) > 0 {
			w = strings.Fields(list[rng.IntN(i)])
			for range rng.IntN(4) {
				switch at := rng.IntN(len(w)); rng.IntN(3) {
				case 0:
					w[at] = word()
				case 1:
					w = slices.Insert(w, at, word())
				case 2:
					if len(w) > 1 {
						w = slices.Delete(w, at, at+1)
					}
				}
			}
		} else {
			for range 1 + rng.IntN(40) {
				w = append(w, word())
			}
		}
		list = append(list, strings.Join(w, " "))
	}
	return list
}

// Against every pair by brute force: nothing missed, nothing made up, and the
// most similar text named, the first of several.
func TestFindsWhatBruteForceFinds(t *testing.T) {
	found := 0
	for round := range 3 {
		rng := rand.New(rand.NewPCG(7, uint64(round)))
		list := texts(rng, 200, []int{30, 300, 5000}[round%3])
		var pairs [][]float64
		for i := range list {
			pairs = append(pairs, nil)
			for j := range i {
				pairs[i] = append(pairs[i], naive(list[i], list[j]))
			}
		}
		for _, threshold := range []float64{0.05, 0.3, 0.5, 2. / 3, 0.7, 0.8, 0.9, 1} {
			x := Within(corpusOf(list...), threshold)
			for i := range list {
				want, any := Match{}, false
				for j, s := range pairs[i] {
					if s >= threshold && s > want.Similarity {
						want, any = Match{j, s}, true
					}
				}
				if got, ok := x.Nearest(i); ok != any || got != want {
					t.Fatalf("threshold %v: %q: got %v %v, want %v %v", threshold, list[i], got, ok, want, any)
				}
				if any {
					found++
				}
				x.Add(i)
			}
		}
	}
	if found < 500 {
		t.Errorf("only %d pairs to find: the texts are no test", found)
	}
}

func TestTextsOutsideTheCorpus(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	list := texts(rng, 400, 300)
	known, asked := list[:200], list[200:]
	x := Against(corpusOf(known...), 0.6)
	found := 0
	for _, s := range asked {
		want, any := Match{}, false
		for j := range known {
			if sim := naive(s, known[j]); sim >= 0.6 && sim > want.Similarity {
				want, any = Match{j, sim}, true
			}
		}
		if any {
			found++
		}
		if got, ok := x.Nearest(s); ok != any || got != want {
			t.Fatalf("%q: got %v %v, want %v %v", s, got, ok, want, any)
		}
	}
	if found < 50 {
		t.Errorf("only %d to find", found)
	}
}

// Blank texts have nothing that could be shared.
func TestBlankTextsAreNotFound(t *testing.T) {
	x := Against(corpusOf("", "word", " "), 0.5)
	if m, ok := x.Nearest("  "); ok {
		t.Error(m)
	}
	if m, ok := x.Nearest("word"); !ok || m != (Match{1, 1}) {
		t.Error(m, ok)
	}
}

// million are rows as a gym makes them: an event of 20 to 40 words and a task of
// 5 to 12, one in ten a near-duplicate.
func million(n int) *Corpus {
	rng := rand.New(rand.NewPCG(7, 1))
	vocabulary := make([]string, 20000)
	for i := range vocabulary {
		vocabulary[i] = fmt.Sprintf("word%d", i)
	}
	sentence := func(n int) []string {
		w := make([]string, n)
		for i := range w {
			w[i] = vocabulary[int(float64(len(vocabulary))*rng.Float64()*rng.Float64()*rng.Float64())]
		}
		return w
	}
	type row struct{ event, task []string }
	var recent []row
	c := &Corpus{}
	for range n {
		r := row{sentence(20 + rng.IntN(20)), sentence(5 + rng.IntN(7))}
		if len(recent) == 1000 && rng.IntN(10) == 0 {
			r = recent[rng.IntN(1000)]
			r.event = slices.Clone(r.event)
			r.event[len(r.event)-1] = "other"
		}
		if len(recent) < 1000 {
			recent = append(recent, r)
		}
		c.Add([]string{strings.Join(r.event, " ")}, []string{strings.Join(r.task, " ")})
	}
	return c
}

func near(c *Corpus, threshold float64) int {
	x, n := Within(c, threshold), 0
	for i := range c.Len() {
		if _, ok := x.Nearest(i); ok {
			n++
		} else {
			x.Add(i)
		}
	}
	return n
}

func BenchmarkAdd(b *testing.B) {
	event := strings.Repeat("the user opens the report and reads ", 5)
	c := &Corpus{}
	for b.Loop() {
		c.Add([]string{event}, []string{"summarise the report for the user"})
	}
}

func BenchmarkMillion(b *testing.B) {
	for _, threshold := range []float64{0.9, 0.7, 0.5} {
		b.Run(fmt.Sprint(threshold), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				c := million(1_000_000)
				b.StartTimer()
				b.ReportMetric(float64(near(c, threshold)), "near")
				b.ReportMetric(8*float64(len(c.shingles))/float64(c.Len()), "B/text")
			}
		})
	}
}

// Sentences out of one mould are the hard case: much is shared, little is near.
func BenchmarkMould(b *testing.B) {
	for _, threshold := range []float64{0.9, 0.7} {
		b.Run(fmt.Sprint(threshold), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				rng := rand.New(rand.NewPCG(7, 2))
				c := &Corpus{}
				for range 1_000_000 {
					c.Add([]string{fmt.Sprintf("The user opens the file %d in the editor and reads section %d of it.", rng.IntN(3000), rng.IntN(3000))},
						[]string{fmt.Sprintf("Summarise section %d", rng.IntN(3000))})
				}
				b.StartTimer()
				b.ReportMetric(float64(near(c, threshold)), "near")
			}
		})
	}
}

// A run of characters without spaces is one word where that is asked for.
func TestRuns(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{
		{"they all did search for '如何验证' on Bing", "they all did search for 'how' on Bing", 3. / 9}, // as any other word
		{"用户打开文件", "用户打开文件夹", 0},                                                                    // two words
		{"open the go语言 page now", "open the go 语言 page now", 1},                                    // apart from letters
	} {
		r := Runs()
		r.Add([]string{c.a}, nil)
		r.Add([]string{c.b}, nil)
		r.rank()
		if got := similarity(r.set(0), r.set(1)); got != c.want {
			t.Errorf("%q and %q: %v, want %v", c.a, c.b, got, c.want)
		}
	}
	same, other := Runs(), Runs()
	same.Add([]string{"the user opens a file"}, nil)
	other.Add([]string{"打开文件"}, nil)
	if !same.Same(corpusOf("the user opens a file")) || other.Same(corpusOf("打开文件")) {
		t.Error("sets are taken for others")
	}
}

// All finds each pair that reaches the threshold, and each once.
func TestAll(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 1))
	var texts []string
	for range 200 {
		var words []string
		for range 3 + rng.IntN(6) {
			words = append(words, fmt.Sprint("w", rng.IntN(6)))
		}
		texts = append(texts, strings.Join(words, " "))
	}
	known := texts[:100]
	for _, threshold := range []float64{0.3, 0.5, 0.8, 1} {
		x := Against(corpusOf(known...), threshold)
		for _, query := range texts[80:130] {
			found := map[int]float64{}
			x.All(func(m Match) {
				if _, twice := found[m.Text]; twice {
					t.Errorf("%q: %d twice", query, m.Text)
				}
				found[m.Text] = m.Similarity
			}, query)
			for i, text := range known {
				if want := naive(query, text); want >= threshold && found[i] != want || want < threshold && found[i] != 0 {
					t.Errorf("at %v, %q and %q: %v, want %v", threshold, query, text, found[i], want)
				}
			}
		}
	}
}
