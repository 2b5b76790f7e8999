package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/sim/simtest"
)

// An alias serves models that change without a word, and counts its answers by model.
type alias struct {
	simtest.Server
	mu       sync.Mutex
	version  float64
	answered map[string]int
}

func (a *alias) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var asked map[string]any
	if err != nil || json.Unmarshal(body, &asked) != nil {
		http.Error(w, "no request", http.StatusBadRequest)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	asked["seed"] = asked["seed"].(float64) + a.version
	body, _ = json.Marshal(asked)
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	a.Server.ServeHTTP(answer, r)
	if answer.Code == http.StatusOK {
		a.answered[asked["model"].(string)]++
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	// A provider says beside an answer which version gave it.
	_, _ = w.Write(bytes.Replace(answer.Body.Bytes(), []byte(`"model":"`), fmt.Appendf(nil, `"model":"%v-v%v-`, asked["model"], a.version), 1))
}

// TestNights: each night asks candidates and judge anew, and once; a night that comes
// twice, or is replayed, is the same night; and who is not to be asked anew is not.
func TestNights(t *testing.T) {
	t.Parallel()
	a := &alias{answered: map[string]int{}}
	a.Key = canary
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	l := newLab(t, "PAID_KEY="+canary)
	config := filepath.Join(l.dir, "nightly.yaml")
	// The last 29th of February stays the last one for longer than any test takes.
	text := fmt.Sprintf(`
apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: nightly}
spec:
  inputs: {samples: {}}
  models:
    c: {provider: openai, baseURL: %s/v1, model: c, apiKey: {env: PAID_KEY}}
    j: {provider: openai, baseURL: %s/v1, model: j, apiKey: {env: PAID_KEY}}
  evaluate:
    benchmark: {input: samples, path: benchmark}
    candidates: [{name: c, model: c}]
    judge: {model: j}
  schedule: {cron: ["0 3 29 2 *"], refresh: [judge, candidates]}
`, server.URL, server.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	const events = 95 // of the benchmark; a malformed answer is asked for again
	samples := "samples=" + filepath.Join(repo(t), "configs", "samples")
	n := 0
	night := func(version float64, args ...string) (c, j int, digests, said string) {
		t.Helper()
		a.mu.Lock()
		a.version = version
		clear(a.answered)
		a.mu.Unlock()
		said = l.output(append([]string{"run", config, "--input", samples, "-o", "json"}, args...)...)
		a.mu.Lock()
		defer a.mu.Unlock()
		n++
		return a.answered["c"], a.answered["j"], l.digests(fmt.Sprint("nightly-", n)), said
	}
	c1, j1, first, said := night(1, "--as-of", "n1")
	if c1 < events || j1 < events || !strings.Contains(said, `"anew":["candidates","judge"],"asOf":"n1"`) {
		t.Errorf("the first night asked %d and %d times, and said:\n%s", c1, j1, said)
	}
	if c, j, again, _ := night(2, "--as-of", "n1"); c+j > 0 || again != first {
		t.Errorf("a night that comes twice asks %d and %d times, and differs: %t", c, j, again != first)
	}
	c2, j2, second, _ := night(2, "--as-of", "n2")
	if c2 < events || j2 < events || second == first {
		t.Errorf("the second night asked %d and %d times; it is as the first: %t", c2, j2, second == first)
	}
	for name, want := range map[string]string{"n1": first, "n2": second} {
		if c, j, again, _ := night(3, "--as-of", name, "--fresh", "--replay-only"); c+j > 0 || again != want {
			t.Errorf("%s, replayed, asks %d and %d times, and differs: %t", name, c, j, again != want)
		}
	}
	night(3, "--ask-again", "judge", "--as-of", "n3") // asks the candidate, too, which nobody did as of no night
	if c, j, _, _ := night(4, "--ask-again", "judge", "--as-of", "n4"); c > 0 || j < events {
		t.Errorf("a night for the judge asks the candidate %d times, the judge %d", c, j)
	}
	if c, j, _, _ := night(5, "--ask-again", "none"); c > 0 || j < events { // of the judge nothing was recorded as of no night
		t.Errorf("a run as of no night asks %d and %d times", c, j)
	}
	c, j, scheduled, said := night(6)
	if c < events || j < events || !strings.Contains(said, `"asOf":"2024-02-29T03:00:00Z"`) {
		t.Errorf("the schedule's last night asks %d and %d times, and says:\n%s", c, j, said)
	}
	if c, j, again, _ := night(7); c+j > 0 || again != scheduled {
		t.Errorf("the schedule's last night, run twice, asks %d and %d times, and differs: %t", c, j, again != scheduled)
	}
	scores := l.scores("nightly-3")
	if c, j := scores.Candidates[0].AnsweredBy, scores.JudgedBy; len(c) != 1 || !strings.HasPrefix(c[0], "c-v2-") || len(j) != 1 || !strings.HasPrefix(j[0], "j-v2-") {
		t.Errorf("the second night was answered by %q and judged by %q", c, j)
	}
	if shown := l.output("show", "nightly-1"); !strings.Contains(shown, "asked anew candidates, judge, as of n1\n") {
		t.Errorf("show does not tell:\n%s", shown)
	}
	if page := l.output("get", "nightly-1", "report/report.html"); !strings.Contains(page, "candidates, judge, as of n1") {
		t.Error("the report does not tell")
	}

	for want, args := range map[string][]string{
		"there is no section generate": {"--ask-again", "gym"},
		"not a role":                   {"--ask-again", "candidates,everyone"},
		"give one or the others":       {"--ask-again", "none,judge"},
		"not a label":                  {"--as-of", "last night"},
		"nobody is asked anew":         {"--as-of", "n1", "--ask-again", "none"},
	} {
		if said := l.fails(fault.Usage, append([]string{"run", config, "--input", samples}, args...)...); !strings.Contains(said, want) {
			t.Errorf("%q: want %q, got %s", args, want, said)
		}
	}
}
