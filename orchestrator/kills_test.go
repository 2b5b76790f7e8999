package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
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

// A counter counts the calls to the server behind it, and tells when there are enough.
type counter struct {
	server http.Handler

	mu       sync.Mutex
	latency  time.Duration
	begun    int
	at       int           // the count at which reached is closed
	reached  chan struct{} // nil, or for somebody who waits
	answered map[[32]byte]int
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	time.Sleep(c.begin())
	answer := httptest.NewRecorder()
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(bytes.NewReader(body))
	c.server.ServeHTTP(answer, again)
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
	if answer.Code == http.StatusOK {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.answered[sha256.Sum256(body)]++
	}
}

// begin counts a call, and returns how long its answer takes.
func (c *counter) begin() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.begun++; c.begun == c.at {
		close(c.reached)
	}
	return c.latency
}

// after returns how many calls have begun, and what is closed when n more have.
func (c *counter) after(n int) (begun int, reached <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.reached = c.begun+n, make(chan struct{})
	if n == 0 {
		close(c.reached)
	}
	return c.begun, c.reached
}

// twice is how many answers were given to calls that had one.
func (c *counter) twice() (again, all int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.answered {
		again += n - 1
		all += n
	}
	return again, all
}

// One run is killed 25 times at random moments, and goes on each time: it ends
// with the digests of an undisturbed run, and pays again at most for the calls
// in flight at the kills and for what the documented bound lets a kill lose.
func TestTwentyFiveKills(t *testing.T) {
	const (
		kills, latency   = 25, 80 * time.Millisecond
		shards, sessions = 2, 2 // at once
		inFlight         = shards * sessions
		// docs/llm.md: the time between two writes of the ledger, and one upload.
		bound = provider.DefaultFlush + 500*time.Millisecond
		// The calls that can be answered in that time, and those in flight.
		lost = inFlight*int(bound/latency) + inFlight
	)
	t.Parallel()
	samples := "samples=" + filepath.Join(repo(t), "configs", "samples")
	count := &counter{server: &simtest.Server{Key: canary}, latency: latency, answered: map[[32]byte]int{}}
	server := &modelServer{http: httptest.NewServer(count)}
	t.Cleanup(server.http.Close)
	l := newLab(t)
	profile := filepath.Join(l.dir, "profile.yaml")
	text := fmt.Sprintf("{apiVersion: gymline/v1alpha1, kind: Profile, metadata: {name: slow}, spec: {parallelism: {shards: %d, inFlight: %d}}}", shards, sessions)
	if err := os.WriteFile(profile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"run", server.paid(t, l.dir), "--input", samples, "--set", "generate.scenes.count=80", "--profile", profile}

	rng := rand.New(rand.NewPCG(25, 9))
	allowed := 0
	for kill := 1; kill <= kills; kill++ {
		before, reached := count.after(rng.IntN(2 * lost))
		cmd := l.command(args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			t.Fatalf("the run ended before kill %d: %v", kill, err)
		case <-reached:
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-ended
		now, _ := count.after(0)
		allowed += min(now-before, lost)
	}
	count.mu.Lock()
	count.latency = 0
	count.mu.Unlock()
	last := endOf(t, l.output(append(args, "-o", "json")...))
	again, all := count.twice()
	t.Logf("%d calls, %d of them made twice; the kills may cost %d", all, again, allowed)
	if again > allowed {
		t.Errorf("%d calls were made twice, and the kills may cost %d", again, allowed)
	}
	if again > all/2 {
		t.Errorf("%d of %d calls were made twice: the bound says nothing here", again, all)
	}
	calm := newLab(t)
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
