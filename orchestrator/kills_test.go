package main

import (
	"crypto/sha256"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/llm/provider"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/sim/simtest"
)

// A counter keeps when each call to the server behind it began and was answered.
type counter struct {
	server http.Handler

	mu      sync.Mutex
	latency time.Duration
	calls   []*counted
}

type counted struct {
	body         [32]byte
	began, ended time.Time // ended is zero while it is in flight
	answered     bool
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	call := &counted{body: sha256.Sum256(body), began: time.Now()}
	c.mu.Lock()
	c.calls = append(c.calls, call)
	latency := c.latency
	c.mu.Unlock()
	time.Sleep(latency)
	answer := httptest.NewRecorder()
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(strings.NewReader(string(body)))
	c.server.ServeHTTP(answer, again)
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
	c.mu.Lock()
	defer c.mu.Unlock()
	call.ended, call.answered = time.Now(), answer.Code == http.StatusOK
}

// lost is how many calls of a process may be lost that started and was killed at
// those moments: those in flight, and those answered within bound before the kill.
func (c *counter) lost(start, kill time.Time, bound time.Duration) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, call := range c.calls {
		if call.began.After(start) && call.began.Before(kill) && (call.ended.IsZero() || call.ended.After(kill.Add(-bound))) {
			n++
		}
	}
	return n
}

// twice is how many calls were answered that had been answered before.
func (c *counter) twice() (again, all int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := map[[32]byte]bool{}
	for _, call := range c.calls {
		if !call.answered {
			continue
		}
		all++
		if seen[call.body] {
			again++
		}
		seen[call.body] = true
	}
	return again, all
}

// One run is killed 25 times at random moments, and goes on each time: it ends
// with the digests of an undisturbed run, and pays again at most for the calls
// in flight at the kills and for what the documented bound lets a kill lose.
func TestTwentyFiveKills(t *testing.T) {
	const (
		kills = 25
		// docs/llm.md: the time between two writes of the ledger, and one upload.
		bound = provider.DefaultFlush + 500*time.Millisecond
	)
	t.Parallel()
	samples := "samples=" + filepath.Join(repo(t), "configs", "samples")
	count := &counter{server: &simtest.Server{Key: canary}, latency: 80 * time.Millisecond}
	server := &modelServer{http: httptest.NewServer(count)}
	t.Cleanup(server.http.Close)
	l := lab{t, t.TempDir()}
	profile := filepath.Join(l.dir, "profile.yaml")
	if err := os.WriteFile(profile, []byte("{apiVersion: gymline/v1alpha1, kind: Profile, metadata: {name: slow}, spec: {parallelism: {inFlight: 4}}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"run", server.paid(t, l.dir), "--input", samples, "--set", "generate.scenes.count=120", "--profile", profile}

	rng := rand.New(rand.NewPCG(25, 9))
	allowed := 0
	for kill := 1; kill <= kills; kill++ {
		cmd, start := l.command(args...), time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			t.Fatalf("the run ended before kill %d: %v", kill, err)
		case <-time.After(time.Duration(rng.Int64N(int64(5 * time.Second)))):
		}
		at := time.Now()
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-ended
		allowed += count.lost(start, at, bound)
	}
	last := endOf(t, l.output(append(args, "-o", "json")...))
	again, all := count.twice()
	t.Logf("%d calls, %d of them made twice; the kills may cost %d", all, again, allowed)
	if again > allowed {
		t.Errorf("%d calls were made twice, and the kills may cost %d", again, allowed)
	}
	if again > all/2 {
		t.Errorf("%d of %d calls were made twice: the bound says nothing here", again, all)
	}
	calm := lab{t, t.TempDir()}
	count.mu.Lock()
	count.latency = 0
	count.mu.Unlock()
	calm.output(args...)
	if got, want := l.digests(last.Run), calm.digests("paid-1"); got != want {
		t.Errorf("the digests differ from an undisturbed run's:\n%s\n%s", got, want)
	}
}

// endOf reads the last event of a run's output.
func endOf(t *testing.T, out string) (last progress.Event) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Type != progress.RunEnded {
		t.Fatalf("not the end of a run: %s (%v)", lines[len(lines)-1], err)
	}
	return last
}
