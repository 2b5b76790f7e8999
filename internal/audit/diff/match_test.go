package diff

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func stream(lines []string) func() io.ReadCloser {
	return func() io.ReadCloser { return io.NopCloser(strings.NewReader(strings.Join(append(lines, ""), "\n"))) }
}

// naive holds two lists of rows against each other by a map of all names.
func naive(a, b []string) (same, added, removed, changed int64) {
	there := map[string][]string{}
	for _, line := range a {
		key := keyOf(line)
		there[key] = append(there[key], line)
	}
	for _, line := range b {
		key := keyOf(line)
		switch list := there[key]; {
		case len(list) == 0:
			added++
		default:
			if list[0] == line {
				same++
			} else {
				changed++
			}
			there[key] = list[1:]
		}
	}
	for _, list := range there {
		removed += int64(len(list))
	}
	return same, added, removed, changed
}

func keyOf(line string) string {
	if name := nameOfRow([]byte(line)); name != "" {
		return name
	}
	return line
}

// edited is a list after some edits: rows that are new, gone, other, moved and swapped, and
// blocks of them.
func edited(rng *rand.Rand, list []string, edits int) []string {
	list = slices.Clone(list)
	for n := range edits {
		i := rng.IntN(len(list) + 1)
		j := min(len(list), i+1+rng.IntN(5))
		switch rng.IntN(5) {
		case 0:
			list = slices.Insert(list, i, line(1_000_000+n, 0))
		case 1:
			list = slices.Delete(list, i, j)
		case 2:
			if i < len(list) {
				list[i] = strings.Replace(list[i], `"v":0`, fmt.Sprintf(`"v":%d`, n+1), 1)
			}
		case 3:
			block := slices.Clone(list[i:j])
			list = slices.Delete(list, i, j)
			list = slices.Insert(list, rng.IntN(len(list)+1), block...)
		case 4:
			rng.Shuffle(j-i, func(x, y int) { list[i+x], list[i+y] = list[i+y], list[i+x] })
		}
	}
	return list
}

// line is a row; of every fifth there is no name.
func line(i, v int) string {
	if i%5 == 4 {
		return fmt.Sprintf(`{"text":"row %d","v":%d}`, i, v)
	}
	return fmt.Sprintf(`{"id":"row-%d","v":%d}`, i, v)
}

// What is counted and shown is what a map of all rows finds, whatever was edited, in
// whatever order rows come, and however few of them may wait.
func TestMatchIsWhatAMapFinds(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 60 {
		var a []string
		for i := range rng.IntN(120) {
			a = append(a, line(i, 0))
		}
		b := edited(rng, a, rng.IntN(20))
		if round%7 == 0 {
			rng.Shuffle(len(b), func(i, j int) { b[i], b[j] = b[j], b[i] })
		}
		m := &matcher{a: stream(a), b: stream(b), rows: 3, limit: 24 + rng.IntN(40)}
		var compared, again int64
		m.compared = func(was, is []byte) error {
			if compared++; keyOf(string(was)) != keyOf(string(is)) || bytes.Equal(was, is) {
				t.Errorf("%s is held against %s", was, is)
			}
			return nil
		}
		m.again = func() { compared, again = 0, again+1 }
		if err := m.match(); err != nil {
			t.Fatal(err)
		}
		same, added, removed, changed := naive(a, b)
		if m.same != same || m.added != added || m.removed != removed || m.changed != changed || compared != changed {
			t.Fatalf("round %d: %d equal, %d added, %d removed, %d changed, %d compared; a map finds %d, %d, %d and %d",
				round, m.same, m.added, m.removed, m.changed, compared, same, added, removed, changed)
		}
		m.check(t, a, b)
	}
}

// check holds what is shown to be the first of each kind.
func (m *matcher) check(t *testing.T, a, b []string) {
	t.Helper()
	in := func(list []string) map[string]int {
		of := map[string]int{}
		for i, line := range list {
			of[keyOf(line)] = i
		}
		return of
	}
	inA, inB := in(a), in(b)
	var added, removed []int64
	var changed []twoRows
	for i, line := range b {
		at, both := inA[keyOf(line)]
		switch {
		case !both:
			added = append(added, int64(i))
		case a[at] != line:
			changed = append(changed, twoRows{int64(at), int64(i)})
		}
	}
	for i, line := range a {
		if _, both := inB[keyOf(line)]; !both {
			removed = append(removed, int64(i))
		}
	}
	if !slices.Equal(m.firstAdded, added[:min(3, len(added))]) || !slices.Equal(m.firstRemoved, removed[:min(3, len(removed))]) || !slices.Equal(m.firstChanged, changed[:min(3, len(changed))]) {
		t.Errorf("shown are %v, %v and %v; the first ones are %v, %v and %v", m.firstAdded, m.firstRemoved, m.firstChanged, added, removed, changed)
	}
}

// Rows that come in nearly the same order are read once, and few of them wait.
func TestRowsInOrderAreReadOnce(t *testing.T) {
	t.Parallel()
	var a []string
	for i := range 20_000 {
		a = append(a, line(i, 0))
	}
	b := slices.Clone(a)
	b = slices.Delete(b, 5000, 5003)
	b = slices.Insert(b, 9000, line(1_000_000, 0), line(1_000_001, 0))
	b[15_000] = strings.Replace(b[15_000], `"v":0`, `"v":1`, 1)
	m := &matcher{a: stream(a), b: stream(b), rows: 3, limit: 20}
	if err := m.match(); err != nil {
		t.Fatal(err)
	}
	if m.read != int64(len(a)+len(b)) || m.removed != 3 || m.added != 2 || m.changed != 1 {
		t.Errorf("%d rows were read: %d removed, %d added, %d changed", m.read, m.removed, m.added, m.changed)
	}
}

// Rows of one name meet in their order, and rows without one are as many as they are.
func TestRowsOfOneName(t *testing.T) {
	t.Parallel()
	a := []string{`{"id":"x","v":1}`, `{"id":"x","v":2}`, `{"t":1}`, `{"t":1}`, `{"t":2}`}
	b := []string{`{"t":1}`, `{"id":"x","v":1}`, `{"id":"x","v":3}`, `{"t":1}`, `{"t":1}`}
	m := &matcher{a: stream(a), b: stream(b), rows: 3}
	if err := m.match(); err != nil {
		t.Fatal(err)
	}
	if m.same != 3 || m.changed != 1 || m.added != 1 || m.removed != 1 {
		t.Errorf("%d equal, %d changed, %d added, %d removed", m.same, m.changed, m.added, m.removed)
	}
}

// Every kind of row is known by the name that it has of its own.
func TestNamesOfRows(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"stage":"reward","id":"scene-00000/0/0","state":"accepted"}`:        "scene-00000/0/0",
		`{"id":"scene-00000/0/0","role":"user","cause":"malformed"}`:          "scene-00000/0/0 user",
		`{"candidate":"a","trace":{"id":"coding_1","turns":[]}}`:              "a/coding_1",
		`{"candidate":"a","repeat":2,"trace":{"id":"coding_1","turns":[]}}`:   "a/coding_1#2",
		`{"source":"gym","trace":"scene-00000/0","split":"train"}`:            "gym/scene-00000/0",
		`{"prompt":[{"role":"system","content":"x"}],"completion":[{"x":1}]}`: "",
		`no JSON`: "",
	} {
		if got := nameOfRow([]byte(text)); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
