package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gymline/gymline/internal/dataset"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/trace"
)

// Which model answered stands beside its nickname wherever its answers go, and one that
// became another in the middle of a run is told of at its end.
func TestWhichModelAnswered(t *testing.T) {
	t.Parallel()
	s, l := newModelServer(t), newLab(t)
	var calls atomic.Int64
	s.http.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		s.ServeHTTP(rec, r)
		body := rec.Body.Bytes()
		if calls.Add(1)%2 == 0 {
			body = bytes.ReplaceAll(body, []byte(`"model":"served"`), []byte(`"model":"served-2"`))
		}
		for name := range rec.Header() {
			w.Header().Set(name, rec.Header().Get(name))
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(body)
	})
	config := s.paid(t, l.dir)
	out := l.output("run", config, "--input", "samples="+filepath.Join(repo(t), "configs", "samples"), "--set", "export.data.gym=true", "--set", "models.m.temperature=0.5")
	for _, want := range []string{
		"! the gym's agent was several models, by what its provider said beside its answers: served, served-2",
		"! m was several models, by what its provider said beside its answers: served, served-2",
		"! the judge was several models, ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if out := l.output("run", config, "--input", "samples="+filepath.Join(repo(t), "configs", "samples"), "--set", "models.m.temperature=0.5"); !strings.Contains(out, "! the gym's user was several models") {
		t.Errorf("without an export:\n%s", out)
	}
	var e metrics.Evaluation
	if err := json.Unmarshal([]byte(l.output("get", "paid-1", "evaluate/metrics.json")), &e); err != nil {
		t.Fatal(err)
	}
	const as = "m at 127.0.0.1, temperature 0.5"
	if c := e.Candidates[0]; c.Asked == nil || c.Asked.String() != as || c.Asked.Name != "m" || strings.Join(c.AnsweredBy, " ") != "served served-2" || e.JudgeAsked.String() != as {
		t.Errorf("metrics.json: %+v, judged by %v", c.Asked, e.JudgeAsked)
	}
	if line := decodedLines[trace.JudgedTrace](t, l.output("get", "paid-1", "predict/judged.jsonl"))[0]; line.Asked.String() != as || line.JudgeAsked.String() != as {
		t.Errorf("judged.jsonl: %+v", line)
	}
	episode := decodedLines[trace.Episode](t, l.output("get", "paid-1", "generate/episodes.jsonl"))[0]
	if len(episode.Asked) != 3 || episode.Asked["user"].String() != as || len(episode.AnsweredBy["user"]) == 0 {
		t.Errorf("episodes.jsonl: %+v by %v", episode.Asked, episode.AnsweredBy)
	}
	var m dataset.Manifest
	if err := json.Unmarshal([]byte(l.output("get", "paid-1", "finetune-export/manifest.json")), &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Models) != 3 || m.Models[0].Role != "agent" || m.Models[0].String() != as || strings.Join(m.Models[0].AnsweredBy, " ") != "served served-2" {
		t.Errorf("manifest.json: %+v", m.Models)
	}
	if card := l.output("get", "paid-1", "finetune-export/README.md"); !strings.Contains(card, "| agent | "+as+" | served, served-2 |") {
		t.Error(card)
	}
	if stats := l.output("stats", "paid-1"); !strings.Contains(stats, "m: m at "+s.http.URL+"/v1, temperature 0.5; $1, cached $1, completion $2 a million tokens") {
		t.Error(stats)
	}
	page := l.output("get", "paid-1", "report/report.html")
	for _, want := range []string{`<td class="text">` + as + `</td><td class="text">served, served-2</td><td class="text">built in</td>`, "<li>the gym&#39;s agent was several models, by what its provider said beside its answers: served, served-2</li>", "gym&#39;s agent", as + "; answered by served, served-2"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in the report", want)
		}
	}
}
