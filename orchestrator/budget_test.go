package main

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/sim/simtest"
)

// A billingServer is a model server that knows what it has answered and billed.
type billingServer struct {
	modelServer
	mu       sync.Mutex
	answered map[string]int // times, by the request's body
	usd      float64        // at the prices of paid
}

func newBillingServer(t *testing.T) *billingServer {
	s := &billingServer{}
	s.forget()
	s.Server = simtest.Server{Key: canary}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.http.Close)
	return s
}

func (s *billingServer) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	time.Sleep(2 * time.Millisecond) // so that calls overlap
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, r)
	if answer.Code == http.StatusOK {
		var bill struct {
			Usage struct {
				Prompt     float64 `json:"prompt_tokens"`
				Completion float64 `json:"completion_tokens"`
			}
		}
		_ = json.Unmarshal(answer.Body.Bytes(), &bill)
		s.mu.Lock()
		s.answered[string(body)]++
		s.usd += (bill.Usage.Prompt + 2*bill.Usage.Completion) / 1e6
		s.mu.Unlock()
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// count returns how many requests were answered, how many answers more were given
// to them, and the bill for all.
func (s *billingServer) count() (requests, again int, usd float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.answered {
		again += n - 1
	}
	return len(s.answered), again, s.usd
}

func (s *billingServer) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answered, s.usd = map[string]int{}, 0
}

func (l lab) spent(id string) run.Spending {
	l.t.Helper()
	var doc struct{ Spent *run.Spending }
	if err := json.Unmarshal([]byte(l.output("show", id, "-o", "json")), &doc); err != nil || doc.Spent == nil {
		l.t.Fatalf("show %s: %v, spent %v", id, err, doc.Spent)
	}
	return *doc.Spent
}

// A budget holds for all shards of a run, ends it cleanly, and goes on when it
// is raised: to the same artifacts, with nothing paid for twice.
func TestBudgetOfARun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	samples := "samples=" + filepath.Join(repo(t), "configs", "samples")
	profile := filepath.Join(dir, "profile.yaml")
	err := os.WriteFile(profile, []byte(`
apiVersion: gymline/v1alpha1
kind: Profile
metadata: {name: four}
spec: {parallelism: {shards: 4, inFlight: 2}}
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	args := func(config string, more ...string) []string {
		return append([]string{"run", config, "--input", samples, "--profile", profile, "--set", "generate.shards=4", "--set", "generate.scenes.count=8", "-o", "json"}, more...)
	}
	s := newBillingServer(t)
	config := s.paid(t, dir)

	free := newLab(t)
	free.output(args(config)...)
	requests, _, usd := s.count()
	if usd == 0 || requests < 200 {
		t.Fatalf("%d requests for %v dollars", requests, usd)
	}

	// Half of it: the run stops, and says so.
	s.forget()
	l := newLab(t)
	half := func(usd string) []string { return args(config, "--set", "budget.usd="+usd) }
	limit := usd / 2
	text := func(usd float64) string { data, _ := json.Marshal(usd); return string(data) }
	l.fails(69, half(text(limit))...)
	made, _, billed := s.count()
	spent := l.spent("paid-1")
	if made >= requests || billed < 0.9*limit || billed > 1.1*limit || math.Abs(spent.USD-billed) > 0.01*billed || spent.BudgetUSD != limit {
		t.Errorf("%d of %d requests were made for %v dollars of %v, and the account says %+v", made, requests, billed, limit, spent)
	}
	if show := l.output("show", "paid-1"); !strings.Contains(show, "exit code 69: ") || !strings.Contains(show, "is used up") || !strings.Contains(show, "raise budget.usd") {
		t.Errorf("%s", show)
	}

	// The same again: nothing is called.
	before := s.Calls.Load()
	l.fails(69, half(text(limit))...)
	if n := s.Calls.Load() - before; n != 0 || l.spent("paid-2").USD != spent.USD {
		t.Errorf("%d calls were made of a budget that was used up: %+v", n, l.spent("paid-2"))
	}

	// Raised, it goes on from there.
	l.output(half(text(2 * usd))...)
	total, again, billed := s.count()
	if l.digests("paid-3") != free.digests("paid-1") {
		t.Error("the artifacts differ from those of a run without a budget")
	}
	if total != requests {
		t.Errorf("%d requests in three runs, and %d in one", total, requests)
	}
	if again > 0 {
		t.Errorf("%d answers were paid for twice", again)
	}
	if spent := l.spent("paid-3"); spent.Account != "paid-1" || math.Abs(spent.USD-billed) > 0.01*usd {
		t.Errorf("the account says %+v, and %v dollars were billed", spent, billed)
	}

	// It has succeeded, so that the next one has a budget of its own.
	l.output(half(text(limit))...)
	if spent := l.spent("paid-4"); spent.Account != "paid-4" || spent.USD != 0 {
		t.Errorf("a run after one that succeeded has spent %+v", spent)
	}
}
