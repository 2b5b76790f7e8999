package simtest_test

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/provider"
	"github.com/gymline/gymline/internal/llm/retry"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/sim"
	"github.com/gymline/gymline/internal/sim/simtest"
	"github.com/gymline/gymline/internal/trace"
)

const key = "canary-dialect-not-a-real-key"

// configured returns the model that a config with those fields describes.
func configured(t testing.TB, url string, fields []string) experiment.Model {
	t.Helper()
	if slices.ContainsFunc(fields, func(f string) bool { return strings.HasPrefix(f, "tokenLimit") }) {
		fields = append(slices.Clip(fields), "maxTokens: 512") // else no limit is sent
	}
	text := fmt.Sprintf(`
apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: x}
spec:
  inputs: {data: {}}
  models:
    judge: {provider: sim}
    m:
      provider: openai
      baseURL: %s/v1
      model: served
      apiKey: {env: KEY}
      %s
  evaluate:
    benchmark: {input: data, path: .}
    candidates: [{name: m, model: m}]
    judge: {model: judge}
`, url, strings.Join(fields, "\n      "))
	e, err := experiment.Load("x.yaml", []byte(text), experiment.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return e.Spec.Models["m"]
}

func open(t *testing.T, url string, fields []string) llm.Chatter {
	t.Helper()
	m := configured(t, url, fields)
	models := provider.New(provider.Options{
		Getenv: func(string) string { return key }, Access: map[string]llm.Access{"m": m.Access()}, Sim: sim.New, Now: time.Now,
		Retry: retry.Policy{Attempts: 1}, Log: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(func() { _ = models.Close(t.Context()) })
	c, err := models.Open(t.Context(), m.Identity("m"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ask has a model propose, answer a conversation and judge; the error is the first.
func ask(t *testing.T, c llm.Chatter) error {
	t.Helper()
	turns := []trace.Turn{{Event: trace.Event{Text: "The user opens the failing test."}}, {Event: trace.Event{Text: "The user reads it again."}}}
	for i := range turns {
		req := &llm.Request{Messages: prompt.AgentHistory("", turns, 0, i, 2), Schema: prompt.AgentSchema(2), Seed: uint64(i) + 7}
		if _, err := llm.Ask(t.Context(), c, req, 2, func(r *prompt.AgentReply) error { return r.Check(2) }); err != nil {
			return err
		}
	}
	task := "Explain the failing test."
	req := &llm.Request{Messages: prompt.JudgeMessages("", []trace.Event{turns[0].Event}, &task), Schema: prompt.JudgeSchema(), Seed: 9}
	_, err := llm.Ask(t.Context(), c, req, 2, (*prompt.Verdict).Check)
	return err
}

// TestDialects: each endpoint is used with what docs/providers.md says that it
// needs, and with nothing less.
func TestDialects(t *testing.T) {
	for _, d := range simtest.Dialects {
		t.Run(d.Name, func(t *testing.T) {
			p := &simtest.Provider{Dialect: d, Key: key}
			s := httptest.NewServer(p)
			t.Cleanup(s.Close)
			if err := ask(t, open(t, s.URL, d.Needs)); err != nil || p.Calls.Load() < 3 {
				t.Errorf("with %q: %v after %d calls", d.Needs, err, p.Calls.Load())
			}
			for i := range d.Needs {
				without := slices.Delete(slices.Clone(d.Needs), i, i+1)
				if d.Needs[i] == "tokenLimit: max_completion_tokens" {
					without = append(without, "tokenLimit: max_tokens")
				}
				if err := ask(t, open(t, s.URL, without)); err == nil {
					t.Errorf("%s is not needed", d.Needs[i])
				}
			}
		})
	}
}

// TestWrongKey: in whatever shape it is refused, the run ends at once and is told why.
func TestWrongKey(t *testing.T) {
	for _, d := range simtest.Dialects {
		p := &simtest.Provider{Dialect: d, Key: "another"}
		s := httptest.NewServer(p)
		err := ask(t, open(t, s.URL, d.Needs))
		s.Close()
		if err == nil || !strings.Contains(err.Error(), "no such key") || strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", d.Name, err)
		}
	}
}

// TestExample: the config at the end of docs/providers.md is one.
func TestExample(t *testing.T) {
	data, err := os.ReadFile("../../../docs/providers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(data), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	text := "apiVersion: gymline/v1alpha1\nkind: Experiment\nmetadata: {name: x}\nspec:\n  inputs: {data: {}}\n" +
		"  reward: {data: {proactivebench: {input: data, path: .}}}\n  " + strings.ReplaceAll(example, "\n", "\n  ")
	if _, err := experiment.Load("x.yaml", []byte(text), experiment.Options{}); err != nil {
		t.Errorf("%v in\n%s", err, text)
	}
}

// TestDocs: docs/providers.md has a row for each dialect, with what it needs.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile("../../../docs/providers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(data), "## Who needs what")
	rows := 0
	for line := range strings.Lines(table) {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " |")
		i := slices.IndexFunc(simtest.Dialects, func(d simtest.Dialect) bool { return d.Name == name })
		if !strings.HasPrefix(line, "| ") || name == "endpoint" {
			continue
		}
		if i < 0 {
			t.Errorf("%s has no dialect", name)
			continue
		}
		rows++
		cells := strings.Split(line, " | ")
		for _, need := range simtest.Dialects[i].Needs {
			if !strings.Contains(cells[len(cells)-1], "`"+need+"`") {
				t.Errorf("%s: the docs do not name %s", name, need)
			}
		}
	}
	if rows != len(simtest.Dialects) {
		t.Errorf("%d rows for %d dialects", rows, len(simtest.Dialects))
	}
}
