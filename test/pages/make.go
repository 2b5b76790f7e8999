package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/sim"
)

// A server answers as a provider would: a sim behind each name, whose version it says.
type server struct {
	version  string
	calm     atomic.Int64 // answers before it goes away
	careless bool         // it refuses some questions for good, and names people
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Model          string
		Messages       []llm.Message
		Seed           uint64
		Temperature    float64
		ResponseFormat struct {
			JSONSchema struct{ Name string } `json:"json_schema"`
		} `json:"response_format"`
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if s.calm.Add(-1) < 0 {
		w.Header().Set("Retry-After", "86400") // nobody waits so long
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if s.careless && q.Seed%29 == 0 {
		http.Error(w, `{"error":{"message":"the content was filtered","code":"content_filter"}}`, http.StatusBadRequest)
		return
	}
	skill := 0.9 - 0.25*q.Temperature
	if strings.HasSuffix(q.Model, "mini") {
		skill -= 0.15
	}
	if s.version == "2026-11-20" {
		skill -= 0.5
	}
	resp, err := sim.New(llm.Model{Name: q.Model, Provider: llm.Sim, Params: llm.Params{Skill: skill}}).Chat(r.Context(), &llm.Request{
		Messages: q.Messages, Seed: q.Seed, Schema: &llm.Schema{Name: q.ResponseFormat.JSONSchema.Name},
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if s.careless {
		resp.Content = strings.ReplaceAll(resp.Content, "The user ", "The user, jane.doe@example.org, ")
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"model":   q.Model + "-" + s.version,
		"choices": []any{map[string]any{"message": map[string]any{"role": llm.Assistant, "content": resp.Content}, "finish_reason": "stop"}},
		"usage":   map[string]any{"prompt_tokens": resp.Usage.Prompt, "completion_tokens": resp.Usage.Completion},
	})
}

// A maker runs gymline in a folder of its own, where all its pages are left.
type maker struct {
	ctx              context.Context
	gymline, dir     string
	configs, samples string
	server           string
}

// lasting is more than all pages together ask.
const lasting = 1 << 40

// makePages has every kind of page made, from the experiments that ship, and says where they are.
func makePages(ctx context.Context, gymline, configs, dir string) ([]string, error) {
	s := &server{version: "2026-11-01"}
	s.calm.Store(lasting)
	listening := httptest.NewServer(s)
	defer listening.Close()
	gymline, err := filepath.Abs(gymline)
	if err != nil {
		return nil, err
	}
	if configs, err = filepath.Abs(configs); err != nil {
		return nil, err
	}
	m := &maker{ctx: ctx, gymline: gymline, dir: dir, configs: configs, samples: filepath.Join(configs, "samples"), server: listening.URL + "/v1"}
	for _, make := range []func(*server) error{m.shipped, m.handOff, m.grid, m.nights, m.private} {
		if err := make(s); err != nil {
			return nil, err
		}
	}
	return filepath.Glob(filepath.Join(dir, ".gymline/reports/*.html"))
}

func (m *maker) shipped(*server) error {
	for _, name := range []string{"quickstart", "curated", "prompts"} {
		if err := m.do(0, "run", m.config(name)); err != nil {
			return err
		}
	}
	return errors.Join(m.statistics("quickstart-1"), m.do(65, "run", m.config("quickstart"), "--set", "curate={quota: 100000}"), m.statistics("quickstart-2"))
}

// handOff is a run whose checkpoint did not come in time, and one that had it.
func (m *maker) handOff(*server) error {
	late := []string{"run", m.config("handoff"), "--set", "train.agent.deadline=1s"}
	if err := errors.Join(m.do(65, late...), m.statistics("handoff-1")); err != nil {
		return err
	}
	adapter := filepath.Join(m.dir, "adapter")
	weights := "\x36\x00\x00\x00\x00\x00\x00\x00" + `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}data`
	settings := `{"peft_type": "LORA", "r": 8, "target_modules": ["q_proj"], "base_model_name_or_path": "Qwen/Qwen2.5-0.5B-Instruct"}`
	err := errors.Join(os.Mkdir(adapter, 0o700), os.WriteFile(filepath.Join(adapter, "adapter_model.safetensors"), []byte(weights), 0o600),
		os.WriteFile(filepath.Join(adapter, "adapter_config.json"), []byte(settings), 0o600))
	return errors.Join(err, m.do(0, "checkpoint", "put", "handoff-1", "agent", adapter), m.do(0, late...))
}

// grid is of models that a provider serves, and then of ones that it refuses.
func (m *maker) grid(s *server) error {
	run := m.served("grid", "small", "large", "judge")
	if err := errors.Join(m.do(0, run...), m.statistics("grid-1")); err != nil {
		return err
	}
	s.calm.Store(500)
	defer s.calm.Store(lasting)
	return errors.Join(m.do(75, append(run, "--set", "seed=8")...), m.statistics("grid-2"))
}

// nights are some of one experiment: all well, the provider away, and another model behind a name.
func (m *maker) nights(s *server) error {
	run := append(m.served("openai", "small", "large"), "--set", "evaluate.gate=[{maxDrop: 3}]", "--ask-again", "candidates")
	var errs []error
	for night, code := range []int{0, 75, 0, 66, 0} {
		s.calm.Store(lasting)
		switch code {
		case 75:
			s.calm.Store(0)
		case 66:
			s.version = "2026-11-20"
		}
		errs = append(errs, m.do(code, append(run, "--as-of", fmt.Sprintf("2026-11-%02d", 21+night))...))
	}
	s.version = "2026-11-01"
	return errors.Join(append(errs, m.do(0, "history", "openai", "-o", "html"))...)
}

// private is a run with personal data in its events, of which a provider refuses some.
func (m *maker) private(s *server) error {
	s.careless = true
	input := filepath.Join(m.dir, "samples")
	if err := os.CopyFS(input, os.DirFS(m.samples)); err != nil {
		return err
	}
	trace := filepath.Join(input, "benchmark/coding_1.json")
	text, err := os.ReadFile(trace)
	if err != nil {
		return err
	}
	told := strings.ReplaceAll(string(text), "The user opens", "The user writes to jane.doe@example.org, then opens")
	if err := os.WriteFile(trace, []byte(told), 0o600); err != nil {
		return err
	}
	return m.do(0, append(m.served("openai", "small", "large"), "--input", "samples="+input, "--set", "export.redact=true", "--set", "seed=9")...)
}

func (m *maker) config(name string) string { return filepath.Join(m.configs, name+".yaml") }

// served runs a shipped config with its models behind the server.
func (m *maker) served(name string, models ...string) []string {
	args := []string{"run", m.config(name)}
	for _, model := range models {
		args = append(args, "--set", "models."+model+".baseURL="+m.server)
	}
	return args
}

func (m *maker) statistics(run string) error { return m.do(0, "stats", run, "-o", "html") }

// do has gymline do something that ends with a code.
func (m *maker) do(code int, args ...string) error {
	command := exec.CommandContext(m.ctx, m.gymline, args...)
	command.Dir, command.Stdout = m.dir, io.Discard
	command.Env = append(os.Environ(), "OPENAI_API_KEY=none", "GITHUB_STEP_SUMMARY=")
	var said strings.Builder
	command.Stderr = &said
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) {
		return err
	}
	if got := command.ProcessState.ExitCode(); got != code {
		return fmt.Errorf("gymline %s ended with %d, not %d:\n%s", strings.Join(args, " "), got, code, said.String())
	}
	return nil
}
