package similar

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// search indexes texts one after another, with so many looks at first and a search.
func search(c *Corpus, threshold float64, first, each int64) (x *Index, found int) {
	x = Within(c, threshold)
	x.credit, x.each = first, each
	for i := range c.Len() {
		if _, ok := x.Nearest(i); ok {
			found++
		} else {
			x.Add(i)
		}
	}
	return x, found
}

// hostile are texts whose first elements are shared by many, and which are like none
// of them: sentences of few words, each in an order of its own.
func hostile(n int) *Corpus {
	rng := rand.New(rand.NewPCG(7, 3))
	c := &Corpus{}
	for range n {
		var w []string
		for range 12 {
			w = append(w, fmt.Sprint("w", rng.IntN(4)))
		}
		c.Add([]string{strings.Join(w, " ")}, nil)
	}
	return c
}

// The looks of all searches grow with the texts and no faster, whatever the texts
// are, and each search that was given up is counted.
func TestWorkIsBounded(t *testing.T) {
	const first, each, longest = 20_000, 20, 24
	looks := map[int]int64{}
	for _, n := range []int{500, 1000, 2000} {
		free, _ := search(hostile(n), 0.7, 1<<40, 0)
		if free.Effort().Unfinished > 0 {
			t.Fatal("a search without a bound was given up")
		}
		looks[n] = free.Effort().Looks
		x, _ := search(hostile(n), 0.7, first, each)
		if e := x.Effort(); e.Looks > first+int64(n)*(each+longest) || e.Unfinished == 0 || e.Unfinished > n {
			t.Errorf("%d texts: %+v, and %d looks without a bound", n, e, free.Effort().Looks)
		}
	}
	if looks[2000] < 10*looks[500] {
		t.Errorf("the texts are not hostile: %v looks", looks)
	}
}

// What a bounded search finds is similar, if not the most similar.
func TestUnfinishedFindsNothingWrong(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 4))
	c := corpusOf(texts(rng, 400, 30)...)
	x := Within(c, 0.5)
	x.credit, x.each = 0, 40
	for i := range c.Len() {
		if m, ok := x.Nearest(i); ok && similarity(c.set(i), c.set(m.Text)) != m.Similarity || ok && m.Similarity < 0.5 {
			t.Errorf("text %d: %+v", i, m)
		}
		x.Add(i)
	}
	if e := x.Effort(); e.Unfinished == 0 || e.Unfinished == c.Len() {
		t.Errorf("%+v of %d", e, c.Len())
	}
}

// Texts that are all the same cost a look each, whether they are indexed or asked
// for, and one that is far longer than the others is compared to none of them.
func TestEqualAndGiantTexts(t *testing.T) {
	const n = 5000
	same := &Corpus{}
	for range n {
		same.Add([]string{"the user opens the file in the editor"}, nil)
	}
	x := Against(same, 0.8)
	for range n {
		if m, ok := x.Nearest("the user opens the file in the editor"); !ok || m != (Match{0, 1}) {
			t.Fatalf("%+v, %v", m, ok)
		}
	}
	if e := x.Effort(); e.Looks > n*100 {
		t.Errorf("%+v", e)
	}
	y, found := search(same, 0.8, 1<<40, 0)
	if e := y.Effort(); found != n-1 || e.Looks > n*100 {
		t.Errorf("%+v, %d found", e, found)
	}

	var giant []string
	for i := range 3000 {
		giant = append(giant, fmt.Sprint("a", i))
	}
	c := corpusOf(strings.Join(giant, " "))
	for i := range 1000 {
		c.Add([]string{strings.Join(giant[3*i:min(3*i+5, len(giant))], " ")}, nil)
	}
	y, found = search(c, 0.5, 1<<40, 0)
	if e := y.Effort(); found > 0 || e.Looks > 100*1000 {
		t.Errorf("%+v, %d found", e, found)
	}
}

// Ordinary texts come nowhere near the bound.
func TestOrdinaryTextsAreSearchedToTheEnd(t *testing.T) {
	c := million(20_000)
	x, _ := search(c, 0.7, 0, creditOfSearch)
	if e := x.Effort(); e.Unfinished > 0 || e.Looks > int64(c.Len())*creditOfSearch/10 {
		t.Errorf("%+v", e)
	}
}
