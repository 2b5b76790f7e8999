package rewardmodel

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/golden"
	"github.com/gymline/gymline/internal/trace"
)

const fixture = "testdata/model-v2.json"

func TestModelRoundTrip(t *testing.T) {
	model, _, err := Train(t.Context(), world(4, 16, 12, truth), quick(options(1)))
	if err != nil {
		t.Fatal(err)
	}
	data := encode(t, model)
	pretty, _ := json.MarshalIndent(model, "", " ")
	golden.Write(t, fixture, append(pretty, '\n'))
	loaded, err := Load(data)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(encode(t, loaded), data) {
		t.Error("loading and encoding changes the bytes")
	}
	scorer := loaded.Scorer()
	for _, r := range world(5, 3, 10, truth) {
		a, b := model.Scorer().Score(r.History, r.Task), scorer.Score(r.History, r.Task)
		if a != b {
			t.Errorf("a loaded model's scorer says %+v, the fitted model %+v", b, a)
		}
	}
}

// TestFixture pins what a stored model of format 2 says.
func TestFixture(t *testing.T) {
	data, err := os.ReadFile(fixture)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Load(data)
	if err != nil {
		t.Fatal(err)
	}
	history := []trace.Event{{Time: "1700000000", Text: "The user scrolls through kites."}, {Time: "1700000030", Text: "The user searches for 'maps guide'."}}
	task := "Collect the best links about maps"
	for _, c := range []struct {
		task     *string
		score    float64
		accepted bool
	}{{&task, 0.798182, true}, {nil, 0.060614, false}} {
		v := m.Scorer().Score(history, c.task)
		if v.Score != c.score || v.Accepted != c.accepted {
			t.Errorf("%+v, want score %v, accepted %v", v, c.score, c.accepted)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	data, err := os.ReadFile(fixture)
	if err != nil {
		t.Fatal(err)
	}
	swap := func(old, replacement string) []byte {
		if !bytes.Contains(data, []byte(old)) {
			t.Fatalf("the fixture has no %s", old)
		}
		return bytes.Replace(data, []byte(old), []byte(replacement), 1)
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"cut in half":     {data[:len(data)/2], "not JSON"},
		"newer format":    {swap(`"format": 2`, `"format": 3`), "format 3"},
		"older format":    {swap(`"format": 2`, `"format": 1`), "format 1 is not 2"},
		"no format":       {[]byte(`{}`), "format 0"},
		"unknown feature": {swap(`"name": "cover.last"`, `"name": "mood"`), `unknown feature "mood"`},
		"unknown field":   {swap(`"thresholds"`, `"threshold"`), "threshold"},
		"no range":        {[]byte(`{"format":2,"task":{"columns":[{"name":"quoted","scale":1,"weight":0.1}]}}`), `"quoted" weighs 0.1, and its range is empty`},
		"cut events":      {[]byte(`{"format":2,"training":{"events":"AAAA"}}`), "events are cut off"},
		"zero scale":      {[]byte(`{"format":2,"task":{"columns":[{"name":"quoted","scale":0}]}}`), `"quoted": scale 0`},
	} {
		if _, err := Load(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
	}
}

func TestReason(t *testing.T) {
	data, err := os.ReadFile(fixture)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Load(data)
	if err != nil {
		t.Fatal(err)
	}
	history := []trace.Event{{Time: "1700000000", Text: "The user scrolls through kites."}, {Time: "1700000030", Text: "The user searches for 'maps guide'."}}
	right, wrong := "Collect the best links about maps", "Collect the best links about owls"
	a, b, c := m.Scorer().Score(history, &right), m.Scorer().Score(history, &wrong), m.Scorer().Score(history, nil)
	if !strings.HasPrefix(a.Reason, "accepted, score ") || !strings.Contains(a.Reason, "last event") {
		t.Errorf("accepted: %s", a.Reason)
	}
	if !strings.HasPrefix(b.Reason, "rejected, score ") || !strings.Contains(b.Reason, "(low)") {
		t.Errorf("rejected: %s", b.Reason)
	}
	if !strings.Contains(c.Reason, "a search in the last event -") {
		t.Errorf("silence after a search must be rejected for the search: %s", c.Reason)
	}
	if v := m.Scorer().Score(nil, &right); v.Accepted || !m.Scorer().Score(nil, nil).Accepted {
		t.Errorf("before any event: %+v", v)
	}
}

// TestContributionsAddUp checks that the reasons are the whole score.
func TestContributionsAddUp(t *testing.T) {
	model, _, err := Train(t.Context(), world(4, 8, 10, truth), quick(options(1)))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range world(6, 2, 10, truth) {
		score, why := model.Scorer().judge(r.History, r.Task)
		sum := model.Task.Intercept
		if r.Task == nil {
			sum = 1 - model.Need.Intercept
		}
		for _, p := range why {
			sum += p.adds // each rounded
		}
		if math.Abs(clip(sum)-score) > float64(len(why)+1)*5e-7 {
			t.Errorf("parts add up to %v, the score is %v", sum, score)
		}
		if slices.ContainsFunc(why, func(p part) bool { return p.words == "" }) {
			t.Error("a feature has no words")
		}
	}
}

// TestNothingBeyondTheTrainingRange: a task longer than any in training, real or made up,
// scores as the longest did, however long it grows.
func TestNothingBeyondTheTrainingRange(t *testing.T) {
	l := Linear{Intercept: 0.5, Columns: []Column{{Mean: 0.4, Scale: 0.1, Weight: 0.05, Min: 0.1, Max: 0.6}}}
	for _, c := range []struct{ x, want float64 }{{0.6, 0.6}, {0.7, 0.6}, {30, 0.6}, {0.1, 0.35}, {-4, 0.35}, {0.5, 0.55}} {
		if got := l.predict([]float64{c.x}); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v predicts %v, want %v", c.x, got, c.want)
		}
	}
	rows := world(4, 8, 10, truth)
	model, _, err := Train(t.Context(), rows, quick(options(1)))
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range taskFeatures {
		column := model.Task.Columns[i]
		low, high := math.Inf(1), math.Inf(-1)
		for _, r := range rows {
			if r.Task != nil {
				x := f.value(offerOf(&model.Vocabulary, r.History, *r.Task))
				low, high = min(low, x), max(high, x)
			}
		}
		if column.Min > low+1e-9 || column.Max < high-1e-9 {
			t.Errorf("%s in [%v,%v], the real training rows in [%v,%v]", f.name, column.Min, column.Max, low, high)
		}
	}
}

func TestSeen(t *testing.T) {
	rows := world(4, 8, 10, truth)
	for i := range rows {
		if strings.HasPrefix(rows[i].Group, "scene-00007") {
			rows[i].Split = "test"
		}
	}
	model, _, err := Train(t.Context(), rows, quick(options(1)))
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(encode(t, model))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		e := r.History[len(r.History)-1]
		if got := loaded.Seen(e); got != (r.Split != "test") {
			t.Errorf("%+v of split %q: seen %v", e, r.Split, got)
		}
		if e.Time += "0"; loaded.Seen(e) {
			t.Errorf("%+v was seen, at another time", e)
		}
	}
	if new(Model).Seen(rows[0].History[0]) {
		t.Error("a model without training has seen an event")
	}
}

func FuzzScore(f *testing.F) {
	data, err := os.ReadFile(fixture)
	if err != nil {
		f.Fatal(err)
	}
	m, err := Load(data)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("Day 1, 11:02 PM", "The user searches for 'maps'.", "12", "打开", "Collect links")
	f.Add("", "", "NaN", "\xff", "")
	f.Fuzz(func(t *testing.T, time1, text1, time2, text2, task string) {
		history := []trace.Event{{Time: time1, Text: text1}, {Time: time2, Text: text2}}
		for _, what := range []*string{&task, nil} {
			v := m.Scorer().Score(history, what)
			if v.Score < 0 || v.Score > 1 || math.IsNaN(v.Score) || v.Accepted != (v.Score >= m.Thresholds.of(what == nil)) || v.Reason == "" {
				t.Fatalf("%+v", v)
			}
		}
	})
}

func BenchmarkScore(b *testing.B) {
	data, err := os.ReadFile(fixture)
	if err != nil {
		b.Fatal(err)
	}
	m, err := Load(data)
	if err != nil {
		b.Fatal(err)
	}
	rows := world(1, 1, 20, truth)
	last := rows[len(rows)-1]
	for b.Loop() {
		m.Scorer().Score(last.History, &topics[0])
	}
}
