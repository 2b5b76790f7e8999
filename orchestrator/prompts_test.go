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

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/sim/simtest"
)

// An obedient provider does what a system text tells it: an agent that is told to
// chatter offers something after each event. It keeps the system texts it was sent.
type obedient struct {
	simtest.Server
	mu    sync.Mutex
	asked map[string]int // answered requests by system text
}

func (o *obedient) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	var q struct{ Messages []llm.Message }
	if err := json.Unmarshal(body, &q); err != nil || len(q.Messages) == 0 {
		http.Error(w, "no chat", http.StatusBadRequest)
		return
	}
	system := q.Messages[0].Content
	o.mu.Lock()
	o.asked[system]++
	o.mu.Unlock()
	if strings.HasPrefix(system, "Chatter") {
		fmt.Fprintf(w, `{"model":"served","choices":[{"message":{"role":"assistant","content":%q},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`,
			`{"tasks":["Tell the user a joke"]}`)
		return
	}
	o.Server.ServeHTTP(w, r)
}

// take returns how often each system text was sent since the last time.
func (o *obedient) take() map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	asked := o.asked
	o.asked = map[string]int{}
	return asked
}

// A promptLab is an experiment with prompts, whose models are all at one provider.
type promptLab struct {
	lab
	provider *obedient
	samples  string
}

// newPromptLab evaluates on a folder of an input.
func newPromptLab(t *testing.T, input, benchmark string) *promptLab {
	l := &promptLab{newLab(t), &obedient{asked: map[string]int{}}, "samples=" + input}
	l.provider.Key = canary
	server := httptest.NewServer(l.provider)
	t.Cleanup(server.Close)
	l.write("texts/chatter.md", "Chatter: after each event offer {{.MaxTasks}} task. {{.Data}}\r\n\r\n{{.Answer}}\r\n")
	l.write("texts/strict.md", "Judge strictly. {{.Data}}\n{{.Answer}}")
	l.write("ab.yaml", fmt.Sprintf(`
apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: ab}
spec:
  inputs: {samples: {}, texts: {path: texts}}
  models:
    m: {provider: openai, baseURL: %s/v1, model: m, apiKey: {env: PAID_KEY}}
  prompts:
    chatter: {role: agent, text: {input: texts, path: chatter.md}}
    strict: {role: judge, text: {input: texts, path: strict.md}}
  evaluate:
    benchmark: {input: samples, path: %s}
    candidates:
      - {name: paper, model: m}
      - {name: chatter, model: m, prompt: chatter}
    judge: {model: m, prompt: strict}
`, server.URL, benchmark))
	return l
}

func (l *promptLab) write(name, text string) {
	l.t.Helper()
	file := filepath.Join(l.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

func (l *promptLab) run(more ...string) string {
	l.t.Helper()
	return l.output(append([]string{"run", "ab.yaml", "--input", l.samples}, more...)...)
}

// TestTwoPrompts: two prompts of one model, one file, one run, one paired verdict. The
// model was sent each text to the letter, and what it made of them is in the scores.
func TestTwoPrompts(t *testing.T) {
	t.Parallel()
	t.Run("samples", func(t *testing.T) {
		t.Parallel()
		twoPrompts(t, newPromptLab(t, filepath.Join(repo(t), "configs", "samples"), "benchmark"))
	})
	t.Run("real traces", func(t *testing.T) {
		t.Parallel()
		dir := proactiveBench(repo(t))
		if dir == "" {
			t.Skip("no ProactiveBench data")
		}
		twoPrompts(t, newPromptLab(t, dir, "test_data"))
	})
}

func twoPrompts(t *testing.T, l *promptLab) {
	out := l.run()
	t.Log(out)
	asked := l.provider.take()
	own, strict := "Chatter: after each event offer {{.MaxTasks}} task. {{.Data}}\n\n{{.Answer}}", "Judge strictly. {{.Data}}\n{{.Answer}}"
	for _, system := range []string{prompt.AgentSystem("", 1), prompt.AgentSystem(own, 1), prompt.JudgeSystem(strict)} {
		if asked[system] < l.scores("ab-1").Events {
			t.Errorf("%d requests began with %q", asked[system], system)
		}
		delete(asked, system)
	}
	if len(asked) > 0 || strings.Contains(prompt.AgentSystem(own, 1), "{{") {
		t.Errorf("other system texts: %v", asked)
	}
	e := l.scores("ab-1")
	paper, chatter := e.Candidates[0], e.Candidates[1]
	if chatter.TP+chatter.FP != e.Events || paper.TP+paper.FP >= e.Events/2 || len(e.Comparisons) != 1 || e.Comparisons[0].Delta != chatter.F1-paper.F1 {
		t.Errorf("paper %+v\nchatter %+v\n%+v", paper.Counts, chatter.Counts, e.Comparisons)
	}
	if c := e.Comparisons[0]; c.Delta >= 0 || !c.Different {
		t.Errorf("chattering is no worse: %+v", c)
	}
	if paper.Prompt != nil || chatter.Prompt == nil || chatter.Prompt.Name != "chatter" || e.JudgePrompt == nil || e.JudgePrompt.Name != "strict" {
		t.Errorf("prompts: %v, %v, judge %v", paper.Prompt, chatter.Prompt, e.JudgePrompt)
	}
	for _, shown := range []string{"chatter has the prompt " + chatter.Prompt.String(), "by the prompt " + e.JudgePrompt.String()} {
		if !strings.Contains(out, shown) {
			t.Errorf("the table does not say %q:\n%s", shown, out)
		}
	}
	for _, warning := range e.Warnings {
		if strings.Contains(warning, "asked alike") {
			t.Error(warning)
		}
	}
}

// TestPromptKeys: a prompt's name, file and ends of lines change no work; its text changes
// that of who is asked by it, and the built-in text as a file asks nobody anew.
func TestPromptKeys(t *testing.T) {
	t.Parallel()
	l := newPromptLab(t, filepath.Join(repo(t), "configs", "samples"), "benchmark")
	l.run()
	first := l.provider.take()

	l.write("texts/other.md", "\ufeffChatter: after each event offer {{.MaxTasks}} task. {{.Data}}\n\n{{.Answer}}")
	l.run("--set", "prompts.chatter=null", "--set", "prompts.renamed={role: agent, text: {input: texts, path: other.md}}", "--set", "evaluate.candidates[1].prompt=renamed")
	if asked := l.provider.take(); len(asked) != 0 || !strings.Contains(l.output("stats", "ab-2", "-o", "json"), `"reused":2`) || l.scores("ab-2").Candidates[1].Prompt.Name != "renamed" {
		t.Errorf("a renamed prompt asked %v, or did work", asked)
	}

	l.write("texts/chatter.md", l.output("prompts", "show", "agent"))
	l.write("texts/strict.md", "Judge strictly. {{.Data}}\n{{.Answer}}\n")
	l.run()
	if asked := l.provider.take(); len(asked) != 0 {
		t.Errorf("the printed built-in text is another: it asked %v", asked)
	}
	e := l.scores("ab-3")
	if e.Candidates[0].Counts != e.Candidates[1].Counts || len(e.Warnings) == 0 || !strings.Contains(strings.Join(e.Warnings, "\n"), "asked alike") {
		t.Errorf("one text, and the candidates differ: %+v", e)
	}

	l.write("texts/chatter.md", "Chatter! {{.Data}} {{.Answer}}")
	l.run()
	asked := l.provider.take()
	if system := prompt.AgentSystem("Chatter! {{.Data}} {{.Answer}}", 1); asked[system] != first[prompt.AgentSystem("Chatter: after each event offer {{.MaxTasks}} task. {{.Data}}\n\n{{.Answer}}", 1)] || asked[prompt.AgentSystem("", 1)] != 0 {
		t.Errorf("another text asked %v", asked)
	}

	// A replay needs neither provider nor key.
	l.env = []string{"PAID_KEY="}
	want := l.digests("ab-4")
	l.run("--fresh", "--replay-only")
	if l.digests("ab-5") != want || len(l.provider.take()) != 0 {
		t.Error("a replay gave other artifacts, or asked")
	}
}
