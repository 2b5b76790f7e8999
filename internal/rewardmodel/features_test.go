package rewardmodel

import (
	"math"
	"testing"

	"github.com/gymline/gymline/internal/trace"
)

func value[T any](t *testing.T, features []feature[T], name string, x T) float64 {
	t.Helper()
	for _, f := range features {
		if f.name == name {
			return f.value(x)
		}
	}
	t.Fatalf("no feature %q", name)
	return 0
}

// momentOf is the moment after a history, by a vocabulary.
func momentOf(v *Vocabulary, history []trace.Event) *moment {
	m, _ := (&Model{Vocabulary: *v}).Scorer().read(history, nil)
	return m
}

// offerOf is a task proposed then.
func offerOf(v *Vocabulary, history []trace.Event, task string) *offer {
	s := (&Model{Vocabulary: *v}).Scorer()
	_, text := s.read(history, &task)
	return s.offer(text)
}

func TestFeatureNames(t *testing.T) {
	for kind, list := range map[string][]string{"task": names(taskFeatures), "need": names(needFeatures)} {
		seen := map[string]bool{}
		for _, n := range list {
			if n == "" || seen[n] {
				t.Errorf("%s feature %q is empty or listed twice", kind, n)
			}
			seen[n] = true
		}
	}
	if len(taskFeatures) != 58 || len(needFeatures) != 52 {
		t.Errorf("%d task and %d need features: a changed list wants a new line in docs/reward-model.md", len(taskFeatures), len(needFeatures))
	}
}

// history is three events whose features are worked out by hand below.
var history = []trace.Event{
	{Time: "100", Text: "The user opens the editor."},                // words: open editor
	{Time: "90", Text: "The user searches 'trains to Bern'."},        // words: search train bern; 10 s backwards
	{Time: "190", Text: "The user searches 'hotels in Bern' again."}, // words: search hotel bern again; 100 s later
}

func TestNeedFeatures(t *testing.T) {
	v := &Vocabulary{Texts: 99, Words: map[string]int{"search": 49, "bern": 4}}
	m := momentOf(v, history)
	// idf = ln(100/(1+df)): search 2, bern 20, all others (df at least 1) 50.
	search, bern, other := math.Log(2), math.Log(20), math.Log(50)
	for name, want := range map[string]float64{
		"history.length":   3.0 / 20,
		"history.start":    0,
		"gap.last":         math.Log(101) / 10,
		"gap.recent":       (0 + math.Log(101)/10) / 2, // backwards counts as 0
		"time.elapsed":     math.Log(101) / 10,
		"time.clock":       0,
		"last.words":       4.0 / 20,
		"recent.words":     (2 + 3 + 4) / 3.0 / 20,
		"cue.last.search":  1,
		"cue.sofar.search": (0.9*1 + 1) * 0.1,
		"cue.last.open":    0,
		"cue.sofar.open":   0.9 * 0.9 * 0.1,
		"last.first":       1,
		"last.novelty":     (other + other) / (search + bern + 2*other), // hotel, again
	} {
		if got := value(t, needFeatures, name, m); math.Abs(got-want) > 1e-12 {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	again := momentOf(v, append(history[:3:3], history[1]))
	if value(t, needFeatures, "last.first", again) != 0 || value(t, needFeatures, "last.novelty", again) != 0 {
		t.Error("an event seen before is neither first nor novel")
	}
}

func TestTaskFeatures(t *testing.T) {
	v := &Vocabulary{Texts: 99, Words: map[string]int{"search": 49, "bern": 4}}
	o := offerOf(v, history, "Book hotels near Bern") // words: book hotel near bern
	bern, other := math.Log(20), math.Log(50)
	task := bern + 3*other
	last := math.Log(2) + bern + 2*other
	all := math.Log(2) + bern + 5*other // open editor search train bern hotel again
	for name, want := range map[string]float64{
		"task.distinct":        4.0 / 20,
		"task.distinct.few":    0,
		"task.distinct.beyond": 0,
		"echo.run":             1.0 / 20, // hotels
		"echo.taken":           2.0 / 7,  // the user searches hotels in bern again: hotels, bern
		"echo.given":           2.0 / 4,  // book hotels near bern
		"echo.order":           2.0 / 7,  // hotels … bern
		"echo.length":          4.0 / 7 / 4,
		"echo.words":           2.0 / 4,
		"echo.given.beyond":    2.0/4 - 0.33,
		"echo.run.beyond":      0,
		"own.words":            0, // no text has book or near
		"own.rarity.low":       0.5,
		"cover.last":           (bern + other) / task,
		"overlap.last":         (bern + other) / (task + last - bern - other),
		"cover.recent":         (bern + other) / task,
		"overlap.all":          (bern + other) / (task + all - bern - other),
		"task.unseen":          2.0 / 4,
		"task.rarest":          other / 10,
		"task.rarity":          task / 4 / 10,
		"rare.shared":          0, // hotel is shared, but 1 text in 50 is not below it
		"rare.recency":         0,
		"quoted":               math.Log(1 + 3), // bern; hotel and bern
		"fresh.last":           other / task,    // hotel
		"search.last":          1,
		"task.search":          0,
		"error.last":           0,
		"last.covered":         (bern + other) / last,
		"phrases.last":         0,
		"text.previous":        o.cosine[1],
		"search.text":          o.cosine[2],
	} {
		if got := value(t, taskFeatures, name, o); math.Abs(got-want) > 1e-12 {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	if got, want := value(t, taskFeatures, "text.decayed", o), o.cosine[2]+o.cosine[1]/2+o.cosine[0]/4; math.Abs(got-want) > 1e-12 {
		t.Errorf("text.decayed = %v, want %v", got, want)
	}
	rarer := &Vocabulary{Texts: 999, Words: v.Words}
	o = offerOf(rarer, history, "Find trains to Bern")
	if got := value(t, taskFeatures, "rare.shared", o); math.Abs(got-math.Log(3)) > 1e-12 { // train, bern
		t.Errorf("rare.shared = %v, want ln 3", got)
	}
	if got := value(t, taskFeatures, "rare.recency", o); got != 1 { // bern is in the last event
		t.Errorf("rare.recency = %v, want 1", got)
	}
}

func TestGapWithoutReadableTime(t *testing.T) {
	m := momentOf(&Vocabulary{}, []trace.Event{{Time: "5", Text: "a"}, {Time: "later", Text: "b"}, {Time: "Day 1, 9:00 AM", Text: "c"}})
	if m.gap(1) != 0 || m.gap(2) != 0 {
		t.Errorf("gaps %v and %v, want 0 where times cannot be compared", m.gap(1), m.gap(2))
	}
	if value(t, needFeatures, "time.clock", m) != 1 {
		t.Error("the last event's time is by clock")
	}
}
