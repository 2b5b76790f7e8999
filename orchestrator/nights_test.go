package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/notify"
	"github.com/gymline/gymline/internal/series"
	"github.com/gymline/gymline/internal/sim"
)

// A house serves a candidate and a judge under names that stay, and says beside each
// answer which version gave it.
type house struct {
	mu     sync.Mutex
	skill  map[string]float64 // by name
	away   bool
	asked  map[string]int    // the night's questions that were answered, each apart
	counts map[string]int    // by name
	served map[string]string // the version, by name
}

func (h *house) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var q struct {
		Model          string        `json:"model"`
		Messages       []llm.Message `json:"messages"`
		Seed           uint64        `json:"seed"`
		ResponseFormat struct {
			JSONSchema struct {
				Name string `json:"name"`
			} `json:"json_schema"`
		} `json:"response_format"`
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.away || json.Unmarshal(body, &q) != nil || r.Header.Get("Authorization") != "Bearer "+canary {
		w.Header().Set("Retry-After", "86400") // nobody waits so long
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	resp, err := sim.New(llm.Model{Name: q.Model, Provider: llm.Sim, Params: llm.Params{Skill: h.skill[q.Model]}}).Chat(r.Context(), &llm.Request{
		Messages: q.Messages, Seed: q.Seed, Schema: &llm.Schema{Name: q.ResponseFormat.JSONSchema.Name},
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h.asked[string(body)]++
	h.counts[q.Model]++
	_ = json.NewEncoder(w).Encode(map[string]any{
		"model":   h.served[q.Model],
		"choices": []any{map[string]any{"message": map[string]any{"role": llm.Assistant, "content": resp.Content}, "finish_reason": "stop"}},
		"usage":   map[string]any{"prompt_tokens": resp.Usage.Prompt, "completion_tokens": resp.Usage.Completion},
	})
}

// night forgets what was asked before.
func (h *house) night(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked, h.counts = map[string]int{}, map[string]int{}
	change()
}

// A fired is what became of a night.
type fired struct {
	code           int
	stderr, gate   string
	c, j, repeated int
}

// nightly fires nights of one experiment in a lab, and tells webhooks.
type nightly struct {
	lab
	*house
	hooks           *hooks
	config, profile string
}

func newNightly(t *testing.T) *nightly {
	n := &nightly{lab: newLab(t, "PAID_KEY="+canary), hooks: newHooks(t), house: &house{
		skill: map[string]float64{"c": 0.9, "j": 0.9}, served: map[string]string{"c": "c-1", "j": "j-1"},
	}}
	server := httptest.NewServer(n.house)
	t.Cleanup(server.Close)
	var env []string
	n.profile, env = n.hooks.profile(t, n.dir, "/busy")
	n.env = append(n.env, env...)
	n.config = filepath.Join(n.dir, "nights.yaml")
	text := fmt.Sprintf(`
apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: nights}
spec:
  inputs: {samples: {}}
  models:
    c: {provider: openai, baseURL: %s/v1, model: c, apiKey: {env: PAID_KEY}}
    j: {provider: openai, baseURL: %s/v1, model: j, apiKey: {env: PAID_KEY}}
  evaluate:
    benchmark: {input: samples, path: benchmark}
    candidates: [{name: c, model: c}]
    judge: {model: j}
    gate: [{maxDrop: 3}, {maxVerdictChange: 0.05}]
`, server.URL, server.URL)
	if err := os.WriteFile(n.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return n
}

// fire runs a night, and adds up what it asked.
func (n *nightly) fire(name string, more ...string) (f fired) {
	n.t.Helper()
	cmd := n.command(append([]string{"run", n.config, "--profile", n.profile, "--input", "samples=" + filepath.Join(repo(n.t), "configs", "samples"),
		"--ask-again", "candidates,judge", "--as-of", name, "-o", "json"}, more...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	var ended struct {
		ExitCode int
		Gate     struct{ Sentence string }
	}
	lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &ended); err != nil || ended.ExitCode != cmd.ProcessState.ExitCode() {
		n.t.Errorf("%s: exit code %d, and the last event is %s", name, cmd.ProcessState.ExitCode(), lines[len(lines)-1])
	}
	f = fired{code: ended.ExitCode, stderr: stderr.String(), gate: ended.Gate.Sentence}
	n.mu.Lock()
	defer n.mu.Unlock()
	f.c, f.j = n.counts["c"], n.counts["j"]
	for _, times := range n.asked {
		f.repeated += times - 1
	}
	return f
}

// TestTenNights is a series as its team meets it: the candidate's model changes on the
// fourth night, the judge's on the seventh, and on the ninth the provider is away. Each
// night asks both anew, exactly once, and ends as it should; whoever is to be told of it
// is told; and the series shows it.
func TestTenNights(t *testing.T) {
	t.Parallel()
	n := newNightly(t)
	const events = 95
	const calm, first = "gate passed: 2 rules hold against ", "gate passed: there is nothing to compare with"
	digests := map[int]string{}
	sentences := map[int]string{}
	for night := 1; night <= 10; night++ {
		n.night(func() {
			switch night {
			case 4:
				n.skill["c"], n.served["c"] = 0.1, "c-2"
			case 7:
				n.skill["j"], n.served["j"] = 0.2, "j-2"
			}
			n.away = night == 9
		})
		f := n.fire(fmt.Sprintf("n%02d", night))
		code, sentence, kind := 0, fmt.Sprint(calm, "nights-", night-1), ""
		switch night {
		case 1:
			sentence = first
		case 4:
			code, kind, sentence = fault.Gate, notify.Gate, "points below nights-3, where 3.0 are allowed; the candidate changed: "
		case 7:
			code, kind, sentence = fault.Gate, notify.Gate, "the judge changed: "
		case 9:
			code, kind, sentence = fault.Temporary, notify.Failed, ""
		case 10:
			sentence = calm + "nights-8"
		}
		if f.code != code || !strings.Contains(f.gate, sentence) || f.gate == "" && night != 9 {
			t.Errorf("night %d ends with %d and says %q, want %d and %q\n%s", night, f.code, f.gate, code, sentence, f.stderr)
		}
		if kind == notify.Gate && !strings.Contains(f.stderr, "gymline: "+f.gate+"\n") {
			t.Errorf("night %d: stderr does not say it: %s", night, f.stderr)
		}
		if night != 9 && (f.c < events || f.j < events) || night == 9 && f.c+f.j > 0 || f.repeated > 0 {
			t.Errorf("night %d asks the candidate %d times, the judge %d, and %d times again", night, f.c, f.j, f.repeated)
		}
		told := n.hooks.told("/busy")
		if kind == "" && len(told) > 0 {
			t.Errorf("night %d tells %q", night, told)
		}
		if kind != "" {
			notice := noticeIn(t, told)
			if notice.Kind != kind || notice.Run != fmt.Sprint("nights-", night) || notice.AsOf != fmt.Sprintf("n%02d", night) || notice.ExitCode != code || kind == notify.Gate && notice.Sentence != f.gate {
				t.Errorf("night %d tells %+v", night, notice)
			}
		}
		sentences[night], digests[night] = f.gate, n.digests(fmt.Sprint("nights-", night))
	}
	for night, want := range map[int][]string{
		4: {"; answered by c-2 (was c-1)"},
		7: {" verdicts on equal answers are other; judged by j-2 (was j-1)"},
	} {
		for _, w := range want {
			if !strings.Contains(sentences[night], w) {
				t.Errorf("night %d says %q, want %q", night, sentences[night], w)
			}
		}
	}
	if strings.Contains(sentences[7], "the candidate changed") || strings.Contains(sentences[4], "the judge changed") {
		t.Errorf("somebody is blamed who did not change: %q, %q", sentences[4], sentences[7])
	}
	n.series(sentences)
	if len(n.hooks.wrong) > 0 {
		t.Errorf("wrong signatures: %q", n.hooks.wrong)
	}

	// A night that fires again, and one that is replayed without its provider, is that night.
	n.night(func() { n.away = true })
	again := n.fire("n07")
	replayed := n.fire("n04", "--fresh", "--replay-only")
	if again.code != fault.Gate || again.gate != sentences[7] || n.digests("nights-11") != digests[7] {
		t.Errorf("night 7, fired again, ends with %d and says %q, want %q", again.code, again.gate, sentences[7])
	}
	if replayed.code != fault.Gate || replayed.gate != sentences[4] || n.digests("nights-12") != digests[4] {
		t.Errorf("night 4, replayed, ends with %d and says %q, want %q", replayed.code, replayed.gate, sentences[4])
	}
	if again.c+again.j+replayed.c+replayed.j > 0 {
		t.Errorf("a night is paid twice: %+v, %+v", again, replayed)
	}
}

// series checks what history says of the ten nights.
func (n *nightly) series(sentences map[int]string) {
	n.t.Helper()
	var history struct{ Lines []series.Line }
	if err := json.Unmarshal([]byte(n.output("history", "nights", "--profile", n.profile, "-o", "json")), &history); err != nil || len(history.Lines) != 1 {
		n.t.Fatalf("%v: %+v", err, history)
	}
	points := history.Lines[0].Points
	if len(points) != 10 {
		n.t.Fatalf("%d points", len(points))
	}
	news := map[int]string{3: "answered by c-2 (was c-1)", 6: "judged by j-2 (was j-1)"}
	for i, p := range points {
		switch {
		case i == 8:
			if p.Score != nil || p.State != "Failed" {
				n.t.Errorf("the ninth night: %+v", p)
			}
			continue
		case p.Score == nil || p.AsOf != fmt.Sprintf("n%02d", i+1) || strings.Join(p.News, "; ") != news[i]:
			n.t.Errorf("night %d: %+v", i+1, p)
			continue
		}
		if changed := p.Change != nil && *p.Change != 0; changed != (news[i] != "") {
			n.t.Errorf("night %d: F1 changes by %v", i+1, p.Change)
		}
		if said := fmt.Sprintf("an F1 of %.1f, ", 100*p.Score.F1); i == 3 && !strings.Contains(sentences[4], said) {
			n.t.Errorf("night 4 says %q, and the series %q", sentences[4], said)
		}
	}
}
