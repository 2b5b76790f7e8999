package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/sim/simtest"
)

// A grid is a provider whose answers depend on model and temperature, too. It counts what it
// answered by the request's body: what it was paid for.
type grid struct {
	simtest.Server
	mu       sync.Mutex
	answered map[string]int
	left     int // answers before it hangs; below 0: no bound
	hanging  chan struct{}
}

func (g *grid) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked, _ := io.ReadAll(r.Body)
	g.mu.Lock()
	hangs := g.left == 0
	if g.left > 0 {
		if g.left--; g.left == 0 {
			close(g.hanging)
		}
	}
	g.mu.Unlock()
	if hangs {
		<-r.Context().Done()
		return
	}
	var body map[string]any
	if err := json.Unmarshal(asked, &body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	seed, _ := body["seed"].(float64)
	temperature, _ := body["temperature"].(float64)
	model, _ := body["model"].(string)
	body["seed"] = seed + 1000*temperature + float64(1_000_000*len(model))
	changed, _ := json.Marshal(body)
	r.Body = io.NopCloser(bytes.NewReader(changed))
	answer := httptest.NewRecorder()
	g.Server.ServeHTTP(answer, r)
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
	if answer.Code == http.StatusOK {
		g.mu.Lock()
		g.answered[string(asked)]++
		g.mu.Unlock()
	}
}

// paid is how many requests were answered, and how many of them were different ones.
func (g *grid) paid() (all, distinct int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range g.answered {
		all += n
	}
	return all, len(g.answered)
}

// hang has it answer so many requests from now on, whose count starts anew, and then
// none; below 0, all.
func (g *grid) hang(after int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left, g.hanging = after, make(chan struct{})
	if after >= 0 {
		g.answered = map[string]int{}
	}
}

// A gridLab runs configs/grid.yaml against a grid.
type gridLab struct {
	lab
	args []string
}

func newGridLab(t *testing.T, server string) gridLab {
	t.Helper()
	l := gridLab{newLab(t, "OPENAI_API_KEY="+canary), nil}
	shipped, err := os.ReadFile(filepath.Join(repo(t), "configs", "grid.yaml"))
	config, profile := filepath.Join(l.dir, "grid.yaml"), filepath.Join(l.dir, "one.yaml")
	// One process after another: two that ask the same at the same time would both pay.
	err = errors.Join(err, os.WriteFile(config, []byte(strings.ReplaceAll(string(shipped), "https://api.openai.com", server)), 0o600),
		os.WriteFile(profile, []byte("{apiVersion: gymline/v1alpha1, kind: Profile, metadata: {name: one}, spec: {parallelism: {shards: 1}}}"), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	l.args = []string{config, "--profile", profile, "--input", "samples=" + filepath.Join(repo(t), "configs", "samples")}
	return l
}

func (l gridLab) run(more ...string) string {
	l.t.Helper()
	return l.output(slices.Concat([]string{"run"}, l.args, more)...)
}

// TestGrid: 2 models at 3 temperatures, asked 3 times, in one file and one table. Killed
// outright in the middle, the same command goes on, and no request is paid for twice; nor
// is any when a repeat or a temperature comes on top.
func TestGrid(t *testing.T) {
	t.Parallel()
	g := &grid{answered: map[string]int{}, left: -1}
	g.Key = canary
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	calm := newGridLab(t, server.URL)
	before := calm.estimate(calm.args...)
	calm.run()
	want := calm.digests("grid-1")
	all, distinct := g.paid()
	if e := calm.scores("grid-1"); all != distinct || len(e.Candidates) != 6 || len(e.Comparisons) != 15 || e.Repeats != 3 || all < 18*e.Events {
		t.Fatalf("undisturbed, %d answers to %d requests: %+v", all, distinct, e)
	}

	var low, likely, high float64
	for _, m := range before.Models {
		low, likely, high = low+m.Calls.Low, likely+m.Calls.Likely, high+m.Calls.High
	}
	if n := float64(all); n < low || n > high || n < 0.8*likely || n > 1.25*likely {
		t.Errorf("%d calls, and the estimate was %.0f, from %.0f to %.0f", all, likely, low, high)
	}

	l := newGridLab(t, server.URL)
	g.hang(all / 2)
	cmd := l.command(slices.Concat([]string{"run"}, l.args)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-g.hanging
	time.Sleep(4 * time.Second) // what is answered is on disk 2 seconds later
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if exit, ok := errors.AsType[*exec.ExitError](cmd.Wait()); !ok || exit.ExitCode() != -1 {
		t.Fatalf("it was to be killed: %v", exit)
	}
	half, _ := g.paid()
	g.hang(-1)
	out := l.run()
	t.Log(out)
	if again, once := g.paid(); again != once || again != all || half < all/3 {
		t.Errorf("%d answers, then %d to %d requests, want %d", half, again, once, all)
	}
	if got := l.digests("grid-2"); got != want {
		t.Errorf("digests differ from the undisturbed run's:\n%s\n%s", got, want)
	}
	e := l.scores("grid-2")
	for _, c := range e.Candidates {
		if c.Repetition == nil || c.F1SD == 0 || len(c.F1ByRepeat) != 3 || c.F1CI[0] >= c.F1 || c.F1 >= c.F1CI[1] || c.PassK[2] > c.Accuracy || c.Accuracy > c.PassAtK[2] {
			t.Errorf("%s: %+v", c.Name, c)
		}
		if !strings.Contains(out, c.Name+" ") {
			t.Errorf("the table lacks %s", c.Name)
		}
	}

	// A fourth repeat and a fourth temperature: 8 candidates × 4, less what is there.
	progress := l.run("--set", "evaluate.repeats=4", "--set", "evaluate.candidates.0.matrix.temperature=[0, 0.3, 0.7, 1.2]", "-o", "json")
	more, once := g.paid()
	done := map[string]int{}
	for shard, state := range statesOf(eventsOf(t, progress)) {
		if strings.HasPrefix(shard, "predict/") {
			done[state]++
		}
	}
	if more != once || done[" Reused"] != 18 || done[" Running Succeeded"] != 14 || more-all < 14*e.Events {
		t.Errorf("%v: %d more calls, of which %d are repetitions", done, more-all, more-once)
	}
	if e := l.scores("grid-3"); len(e.Candidates) != 8 || len(e.Candidates[0].F1ByRepeat) != 4 {
		t.Errorf("%+v", e.Candidates)
	}
}
