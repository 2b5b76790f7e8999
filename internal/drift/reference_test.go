package drift

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// A reference is what another implementation says, in testdata/reference.json: sums at which
// it alarms, chances by whole numbers, and verdicts on series.
type reference struct {
	Critical []struct {
		Alpha  float64
		Nights int
		Sums   []int
	}
	Tails []struct {
		Nights, Window, Sum int
		P                   float64
	}
	Series []struct {
		Kind                    string
		Score, Accepted, Agreed []float64
		Verdict                 string
		At                      *int
		Alarms                  []*int
	}
}

func readReference(t *testing.T) (r reference) {
	t.Helper()
	data, err := os.ReadFile("testdata/reference.json")
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestChanceAsReference: chances agree to 1e-9 of themselves, and each sum at which a test
// may alarm is the reference's.
func TestChanceAsReference(t *testing.T) {
	r := readReference(t)
	place := map[int]int{}
	for i, h := range windows {
		place[h] = i
	}
	for _, c := range r.Tails {
		tail := tails()[c.Nights][place[c.Window]]
		if w := c.Sum - c.Window*(c.Window+1)/2; w >= len(tail) || math.Abs(tail[w]-c.P) > 1e-9*c.P {
			t.Errorf("%+v is not in %v", c, tail)
		}
	}
	for _, c := range r.Critical {
		for i, h := range windows {
			largest := -1
			for w, p := range tails()[c.Nights][i] {
				if p <= limitOf(c.Alpha) {
					largest = w + h*(h+1)/2
				}
			}
			if largest != c.Sums[i] {
				t.Errorf("α %v, %d nights, window %d: alarms up to %d, want %d", c.Alpha, c.Nights, h, largest, c.Sums[i])
			}
		}
	}
}

// TestVerdictAsReference: every test alarms on the reference's night, and the first verdict
// is its own.
func TestVerdictAsReference(t *testing.T) {
	for _, s := range readReference(t).Series {
		for i, alpha := range []float64{budgetScore, budgetAccepted, budgetAccepted, budgetAgreed} {
			x := [][]float64{s.Score, s.Accepted, s.Accepted, s.Agreed}[i]
			tested, at := test{limit: limitOf(alpha)}, -1
			for n, v := range x {
				if i == 2 {
					v = -v
				}
				if tested.add(v) != nil && at < 0 {
					at = n
				}
			}
			if want := s.Alarms[i]; want == nil && at >= 0 || want != nil && at != *want {
				t.Errorf("%s: test %d alarms on %d, want %v", s.Kind, i, at, want)
			}
		}
		nights := nightsOf(s.Score, s.Accepted, s.Agreed)
		names, at := Names(nights, Watch("c", nights)), -1
		for i := range names {
			if names[i] != None {
				at = i
				break
			}
		}
		switch {
		case s.At == nil && at >= 0, s.At != nil && at < 0:
			t.Errorf("%s: the first alarm is on %d, want %v", s.Kind, at, s.At)
		case s.At != nil && (at != *s.At || names[at] != s.Verdict):
			t.Errorf("%s: %s on %d, want %s on %d", s.Kind, names[at], at, s.Verdict, *s.At)
		}
	}
}
