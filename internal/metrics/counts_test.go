package metrics

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
)

func TestOfFollowsThePaper(t *testing.T) {
	for _, c := range []struct {
		name               string
		proposed, accepted bool
		want               Counts
	}{
		{"proposal accepted", true, true, Counts{TP: 1}},
		{"proposal rejected", true, false, Counts{FP: 1}},
		{"silence accepted", false, true, Counts{TN: 1}},
		{"silence rejected", false, false, Counts{FN: 1}},
	} {
		if got := Of(c.proposed, c.accepted); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > within {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestScoresKnownValues(t *testing.T) {
	c := Counts{TP: 60, FP: 40, TN: 25, FN: 20}
	near(t, "recall", c.Recall(), 0.75, 1e-15)
	near(t, "precision", c.Precision(), 0.6, 1e-15)
	near(t, "accuracy", c.Accuracy(), 85.0/145, 1e-15)
	near(t, "false alarm", c.FalseAlarm(), 0.4, 1e-15)
	near(t, "F1", c.F1(), 2*0.75*0.6/(0.75+0.6), 1e-15)
	// Always accepting a balanced set: the trivial baseline of the paper's test rows.
	always := Counts{TP: 60, FP: 60}
	near(t, "always F1", always.F1(), 2.0/3, 1e-15)
	near(t, "always accuracy", always.Accuracy(), 0.5, 1e-15)
}

func TestUndefinedScoresAreZero(t *testing.T) {
	for _, c := range []Counts{{}, {TN: 5}, {FN: 5}, {FP: 5}} {
		s := ScoreOf(c)
		for _, v := range []float64{s.Recall, s.Precision, s.F1} {
			if v != 0 {
				t.Errorf("%+v: %+v, want zeros", c, s)
			}
		}
	}
}

func TestScoresStayConsistent(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		c := Counts{rng.IntN(9), rng.IntN(9), rng.IntN(9), rng.IntN(9)}
		d := Counts{rng.IntN(9), rng.IntN(9), rng.IntN(9), rng.IntN(9)}
		if c.Add(d) != d.Add(c) || c.Add(d).N() != c.N()+d.N() || Sum([]Counts{c, d}) != c.Add(d) {
			t.Fatalf("adding %+v and %+v", c, d)
		}
		for _, v := range []float64{c.Recall(), c.Precision(), c.Accuracy(), c.FalseAlarm(), c.F1()} {
			if !(v >= 0 && v <= 1) {
				t.Fatalf("%+v gives %v", c, v)
			}
		}
		if c.TP+c.FP > 0 {
			near(t, "false alarm", c.FalseAlarm(), 1-c.Precision(), 1e-12)
		}
		if r, p := c.Recall(), c.Precision(); r+p > 0 {
			near(t, "F1", c.F1(), 2*r*p/(r+p), 1e-12)
			if f := c.F1(); f > max(r, p)+1e-12 || f < min(r, p)-1e-12 {
				t.Fatalf("%+v: F1 %v lies outside recall %v and precision %v", c, f, r, p)
			}
		}
		// More silence that was right moves accuracy but never F1.
		if quiet := c.Add(Counts{TN: 3}); quiet.F1() != c.F1() {
			t.Fatalf("%+v: true negatives moved F1", c)
		}
	}
}

func TestCandidateJSONIsFlat(t *testing.T) {
	c := Candidate{Name: "x", Score: ScoreOf(Counts{TP: 2, FP: 1, TN: 3, FN: 1}), F1CI: &[2]float64{0.25, 0.75}}
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]float64{
		"events": 7, "tp": 2, "fp": 1, "tn": 3, "fn": 1, "recall": 2.0 / 3, "precision": 2.0 / 3,
		"accuracy": 5.0 / 7, "falseAlarm": 1.0 / 3, "f1": 2.0 / 3,
	} {
		if v, ok := got[key].(float64); !ok || math.Abs(v-want) > 1e-12 {
			t.Errorf("%s is %v, want %v in %s", key, got[key], want, raw)
		}
	}
	var back Candidate
	if err := json.Unmarshal(raw, &back); err != nil || back.Counts != c.Counts || back.F1 != c.F1 {
		t.Errorf("read back as %+v, %v", back, err)
	}
}

func TestAUCKnownValues(t *testing.T) {
	for _, c := range []struct {
		name   string
		scores []float64
		labels []bool
		want   float64
	}{
		{"perfect", []float64{.1, .2, .8, .9}, []bool{false, false, true, true}, 1},
		{"inverted", []float64{.9, .8, .2, .1}, []bool{false, false, true, true}, 0},
		{"all tied", []float64{.5, .5, .5}, []bool{true, false, true}, .5},
		{"one of four pairs lost", []float64{.1, .4, .35, .8}, []bool{false, false, true, true}, .75},
		{"a tie across classes counts half", []float64{.3, .3, .9}, []bool{false, true, true}, .75},
		{"one class", []float64{.1, .9}, []bool{true, true}, .5},
		{"nothing", nil, nil, .5},
	} {
		if got := AUC(c.scores, c.labels); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestAUCMatchesPairCounting(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		n := 2 + rng.IntN(40)
		scores, labels := make([]float64, n), make([]bool, n)
		for i := range n {
			scores[i], labels[i] = float64(rng.IntN(8)), rng.IntN(2) == 0
		}
		var wins, pairs float64
		for i := range n {
			for j := range n {
				if labels[i] && !labels[j] {
					pairs++
					if scores[i] > scores[j] {
						wins++
					} else if scores[i] == scores[j] {
						wins += .5
					}
				}
			}
		}
		want := .5
		if pairs > 0 {
			want = wins / pairs
		}
		got := AUC(scores, labels)
		near(t, "AUC", got, want, 1e-12)
		// It depends on ranks alone, and turning the scores round mirrors it.
		turned, shifted := make([]float64, n), make([]float64, n)
		for i, s := range scores {
			turned[i], shifted[i] = -s, math.Exp(s)
		}
		near(t, "AUC of exp", AUC(shifted, labels), got, 1e-12)
		near(t, "AUC turned round", AUC(turned, labels), 1-got, 1e-12)
	}
}
