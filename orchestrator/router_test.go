package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/sim/simtest"
)

// A route is one drawing: a provider that changes its manners from call to call,
// an experiment whose models are all behind it, and where its runs are kept.
type route struct {
	lab
	router   *simtest.Router
	http     *httptest.Server
	args     []string
	inFlight int // in each of two shards
}

func newRoute(t *testing.T, seed int, batched bool) *route {
	r := &route{lab: newLab(t), router: &simtest.Router{Home: simtest.Dialects[seed%len(simtest.Dialects)], Key: canary, Seed: uint64(seed), Share: 0.25, Calls: 0.02}, inFlight: 3}
	if batched {
		r.router.Share, r.inFlight = 0.15, 8
	}
	r.http = httptest.NewServer(r.router)
	t.Cleanup(r.http.Close)
	var needs strings.Builder
	for _, need := range r.router.Home.Needs {
		needs.WriteString("\n      " + strings.ReplaceAll(need, "env: KEY", "env: PAID_KEY"))
	}
	if strings.Contains(needs.String(), "tokenLimit") {
		needs.WriteString("\n      maxTokens: 512")
	}
	config := fmt.Sprintf(`
apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: paid}
spec:
  inputs: {samples: {}}
  models:
    m:
      provider: openai
      baseURL: %s/v1
      model: m
      apiKey: {env: PAID_KEY}
      price: {prompt: 1, completion: 1, batch: 1}%s
  generate:
    scenes: {seeds: {input: samples, path: seeds.yaml}, model: m, count: 3}
    shards: 2
    maxEvents: 2
    models: {user: m, environment: m, agent: m}
  evaluate:
    benchmark: {input: samples, path: benchmark}
    candidates: [{name: m, model: m}]
    judge: {model: m}
`, r.http.URL, needs.String())
	profile := "apiVersion: gymline/v1alpha1\nkind: Profile\nmetadata: {name: routed}\nspec:\n" +
		"  parallelism: {shards: 2, inFlight: " + fmt.Sprint(r.inFlight) + "}\n  retries: {limit: 2, backoff: 10ms}\n"
	if batched {
		profile += "  batch: {m: {gather: 20ms, poll: 10ms}}\n"
	}
	for name, text := range map[string]string{"paid.yaml": config, "profile.yaml": profile} {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.args = []string{"run", "paid.yaml", "--input", "samples=" + filepath.Join(repo(t), "configs", "samples"), "--profile", "profile.yaml"}
	return r
}

// run makes a run, and returns how it ended.
func (r *route) run(more ...string) (code int, stderr string) {
	cmd := r.command(append(slices.Clone(r.args), more...)...)
	var text bytes.Buffer
	cmd.Stderr = &text
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), text.String()
}

// rows are how often each row of a run ended, by step and ID, and how many failed.
func (r *route) rows(id string) (ended map[string]int, failed int) {
	r.t.Helper()
	ended = map[string]int{}
	for _, step := range []string{"generate", "predict"} {
		for line := range strings.Lines(r.output("get", id, step+"/rows.jsonl")) {
			var row rows.Row
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				r.t.Fatal(err)
			}
			ended[step+"/"+row.ID]++
			if row.State == rows.Failed {
				failed++
				if row.Cause == "" {
					r.t.Errorf("%s: the row %s failed for no cause", step, row.ID)
				}
			}
		}
	}
	return ended, failed
}

// foreigners are what faults say, in pages, errors and drafts.
var foreigners = []string{"<!doctype", "<html", "not now", "returned error", "upstream ended", `"error"`, `["hal`, "a draft."}

// recorded checks that every answer in the ledger is a model's.
func (r *route) recorded() {
	r.t.Helper()
	dec, err := zstd.NewReader(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	defer dec.Close()
	answers := 0
	ledger := os.DirFS(filepath.Join(r.dir, ".gymline", "objects", "ledger"))
	err = fs.WalkDir(ledger, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".jsonl.zst") {
			return err
		}
		data, err := fs.ReadFile(ledger, path)
		if err != nil {
			return err
		}
		plain, err := dec.DecodeAll(data, nil)
		if err != nil {
			return err
		}
		for line := range bytes.Lines(plain) {
			var exchange struct{ Response *struct{ Content string } }
			if json.Unmarshal(line, &exchange) != nil || exchange.Response == nil {
				continue
			}
			answers++
			said := exchange.Response.Content
			for _, thought := range []string{"</think>", "<|message|>"} { // is kept, and never the answer
				if i := strings.LastIndex(said, thought); i >= 0 {
					said = said[i+len(thought):]
				}
			}
			foreign := func(text string) bool { return strings.Contains(strings.ToLower(said), text) }
			if !strings.HasPrefix(strings.TrimSpace(said), "{") || slices.ContainsFunc(foreigners, foreign) {
				r.t.Errorf("%s records %.200q as an answer", path, exchange.Response.Content)
			}
		}
		return nil
	})
	if err != nil || answers < 50 {
		r.t.Errorf("%d answers are recorded (%v)", answers, err)
	}
}

// TestAnyProvider: whatever a provider does from call to call, call by call or in
// batches, a run of the gym and of the benchmark ends each planned row once, is
// billed no more than its budget and what is in flight, and records nothing but
// answers: they replay to the artifacts of a calm day, and so does a run after the
// faults. GYMLINE_PROVIDERS=FROM-TO draws other providers.
func TestAnyProvider(t *testing.T) {
	t.Parallel()
	from, to := 0, 1
	if more := os.Getenv("GYMLINE_PROVIDERS"); more != "" {
		if _, err := fmt.Sscanf(more, "%d-%d", &from, &to); err != nil {
			t.Fatal(err)
		}
	}
	for seed := from; seed <= to; seed++ {
		batched := seed%2 == 1
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			endures(t, newRoute(t, seed, batched), batched)
		})
	}
}

func endures(t *testing.T, r *route, batched bool) {
	calm := lab{t, t.TempDir(), nil}
	for _, name := range []string{"paid.yaml", "profile.yaml"} {
		if err := os.Link(filepath.Join(r.dir, name), filepath.Join(calm.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	calm.output(r.args...)
	want := artifactsBut(calm.digests("paid-1"), "report/")
	planned, _ := (&route{lab: calm}).rows("paid-1")
	bill := r.router.Billed.Swap(0)

	// Half of what it takes: it cannot end well, and what it is billed has an end.
	r.router.Bad.Store(true)
	usd := strconv.FormatFloat(float64(bill)/2e6, 'f', -1, 64)
	code, stderr := r.run("--set", "budget.usd="+usd)
	if code != 69 && code != 75 && code != 65 {
		t.Errorf("exit code %d with half the budget:\n%s", code, stderr)
	}
	billed, most := r.router.Billed.Load(), r.router.Most.Load()
	if limit := bill/2 + int64(2*r.inFlight)*most; billed > limit {
		t.Errorf("%d tokens are billed, and the budget is %d, and %d with the calls in flight", billed, bill/2, limit)
	}
	first := code

	// Without a bound it ends, as far as the provider lets it: one that was too bad is
	// asked again, until each of its faults was met.
	runs, faults := 1, int64(len(simtest.Faults))
	for code = 75; code == 75 && runs < 6 && (runs == 1 || r.router.Faulty.Load() < faults); runs++ {
		code, stderr = r.run()
	}
	last := fmt.Sprint("paid-", runs)
	failed := 0
	switch code {
	case 0:
		var ended map[string]int
		ended, failed = r.rows(last)
		for id := range planned {
			if ended[id] != 1 {
				t.Errorf("the row %s ended %d times", id, ended[id])
			}
		}
		if len(ended) != len(planned) {
			t.Errorf("%d rows of %d", len(ended), len(planned))
		}
		if got := artifactsBut(r.digests(last), "report/"); failed == 0 && got != want {
			t.Errorf("no row failed, and the artifacts differ from a calm run's:\n%s\n%s", got, want)
		}
	case 65, 75:
	default:
		t.Errorf("exit code %d:\n%s", code, stderr)
	}
	t.Logf("%s, batches %v: exit codes %d and %d, %d rows failed; %d tokens of %d; %d faults",
		r.router.Home.Name, batched, first, code, failed, billed, bill/2, r.router.Spoiled.Load())
	if n := r.router.Faulty.Load(); n < faults {
		t.Errorf("%d calls met a fault, and there are %d", n, faults)
	}

	// The faults stop; and nobody is asked at all.
	r.router.Bad.Store(false)
	for i, more := range [][]string{{"--fresh"}, {"--fresh", "--replay-only"}} {
		if i == 1 {
			r.http.Close()
			r.recorded()
		}
		if code, stderr := r.run(more...); code != 0 {
			t.Fatalf("%q: exit code %d:\n%s", more, code, stderr)
		}
		if got := artifactsBut(r.digests(fmt.Sprint("paid-", runs+1+i)), "report/"); got != want {
			t.Errorf("%q: the artifacts differ from a calm run's:\n%s\n%s", more, got, want)
		}
	}
}
