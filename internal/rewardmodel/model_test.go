package rewardmodel

import (
	"bytes"
	"encoding/json"
	stdflag "flag"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/trace"
)

var update = stdflag.Bool("update", false, "write the fixture of the current format")

const fixture = "testdata/model-v1.json"

func TestModelRoundTrip(t *testing.T) {
	model, _, err := Train(t.Context(), world(4, 8, 10, truth), quick(options(1)))
	if err != nil {
		t.Fatal(err)
	}
	data := encode(t, model)
	if *update {
		pretty, _ := json.MarshalIndent(model, "", " ")
		if err := os.WriteFile(fixture, append(pretty, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := Load(data)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(encode(t, loaded), data) {
		t.Error("loading and encoding changes the bytes")
	}
	scorer := loaded.Scorer()
	for _, r := range world(5, 3, 10, truth) {
		a, b := model.Score(r.History, r.Task), scorer.Score(r.History, r.Task)
		if a != b {
			t.Errorf("a loaded model's scorer says %+v, the fitted model %+v", b, a)
		}
	}
}

// TestFixture pins what a stored model of format 1 says.
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
	}{{&task, 0.7975943470337442, true}, {nil, 0.1027420201364806, false}} {
		v := m.Score(history, c.task)
		if math.Abs(v.Score-c.score) > 1e-9 || v.Accepted != c.accepted {
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
		"newer format":    {swap(`"format": 1`, `"format": 2`), "format 2"},
		"no format":       {[]byte(`{}`), "format 0"},
		"unknown feature": {swap(`"name": "cover.last"`, `"name": "mood"`), `unknown feature "mood"`},
		"unknown field":   {swap(`"threshold"`, `"thresholds"`), "thresholds"},
		"zero scale":      {[]byte(`{"format":1,"task":{"columns":[{"name":"quoted","scale":0}]}}`), `"quoted": scale 0`},
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
	a, b, c := m.Score(history, &right), m.Score(history, &wrong), m.Score(history, nil)
	if !strings.HasPrefix(a.Reason, "accepted, score ") || !strings.Contains(a.Reason, "last event") {
		t.Errorf("accepted: %s", a.Reason)
	}
	if !strings.HasPrefix(b.Reason, "rejected, score ") || !strings.Contains(b.Reason, "(low)") {
		t.Errorf("rejected: %s", b.Reason)
	}
	if !strings.Contains(c.Reason, "a search in the last event -") {
		t.Errorf("silence after a search must be rejected for the search: %s", c.Reason)
	}
	if v := m.Score(nil, &right); v.Accepted || !m.Score(nil, nil).Accepted {
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
		at, read := newMoment(reader{}.events(r.History), &model.Vocabulary), reader{}
		score, why := model.judge(at, read, r.Task)
		sum := model.Task.Intercept
		if r.Task == nil {
			sum = 1 - model.Need.Intercept
		}
		for _, p := range why {
			sum += p.adds
		}
		if math.Abs(clip(sum)-score) > 1e-12 {
			t.Errorf("parts add up to %v, the score is %v", sum, score)
		}
		if slices.ContainsFunc(why, func(p part) bool { return p.words == "" }) {
			t.Error("a feature has no words")
		}
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
			v := m.Score(history, what)
			if v.Score < 0 || v.Score > 1 || math.IsNaN(v.Score) || v.Accepted != (v.Score >= m.Threshold) || v.Reason == "" {
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
		m.Score(last.History, &topics[0])
	}
}
