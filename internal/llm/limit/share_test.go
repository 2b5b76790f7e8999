package limit

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gymline/gymline/internal/llm"
)

// A server is a provider that several processes share a key of. It refuses
// what is above its limits, after 20 ms.
type server struct {
	perMinute  int  // requests; 0: any
	burst      int  // of them at once
	fixed      bool // counts by the minute on the clock, instead of refilling evenly
	headers    bool
	retryAfter bool
	inFlight   int  // at most; 0: any
	noise      int  // refuses one call in so many; 0: none
	down       bool // refuses all
	latency    time.Duration

	mu     sync.Mutex
	rnd    *rand.Rand
	level  float64
	at     time.Time
	flying int
	calls  int
}

func (s *server) start() {
	s.level, s.at, s.rnd = float64(s.burst), time.Now(), rand.New(rand.NewPCG(7, 7))
}

func (s *server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// admit counts a call in, and says what the headers say.
func (s *server) admit() (ok bool, wait time.Duration, said *llm.Rate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.calls++
	if s.down || s.noise > 0 && s.calls%s.noise == 0 {
		return false, 0, nil
	}
	if s.perMinute > 0 {
		rate := float64(s.perMinute) / 60
		var reset time.Duration
		if s.fixed {
			minute := now.Truncate(time.Minute)
			if s.at.Before(minute) {
				s.level = float64(s.perMinute)
			}
			reset = minute.Add(time.Minute).Sub(now)
			wait = reset
		} else {
			s.level = min(float64(s.burst), s.level+rate*now.Sub(s.at).Seconds())
			wait = time.Duration((1 - s.level) / rate * 1e9)
		}
		s.at = now
		ok = s.level >= 1
		if ok {
			s.level--
		}
		if !s.fixed {
			reset = time.Duration((float64(s.burst) - s.level) / rate * 1e9)
		}
		if s.headers {
			unsaid := llm.Quota{Limit: -1, Remaining: -1, Reset: -1}
			said = &llm.Rate{Requests: llm.Quota{Limit: s.perMinute, Remaining: int(s.level), Reset: reset}, Tokens: unsaid}
		}
		if !ok {
			return false, wait, said
		}
	}
	if s.inFlight > 0 && s.flying >= s.inFlight {
		return false, time.Second, said
	}
	s.flying++
	return true, 0, said
}

func (s *server) Chat(ctx context.Context, _ *llm.Request) (*llm.Response, error) {
	ok, wait, said := s.admit()
	if !ok {
		time.Sleep(20 * time.Millisecond)
		e := &llm.Error{Model: "m", Status: 429, Rate: said, Err: errors.New("slow down")}
		if s.retryAfter {
			e.RetryAfter = wait
		}
		return nil, e
	}
	s.mu.Lock()
	d := time.Duration(float64(s.latency) * (0.75 + s.rnd.Float64()/2))
	s.mu.Unlock()
	time.Sleep(d)
	s.mu.Lock()
	s.flying--
	s.mu.Unlock()
	return &llm.Response{Usage: llm.Usage{Calls: 1}, Rate: said}, nil
}

// A process is one limiter and its tally.
type process struct {
	*Limiter
	mu           sync.Mutex
	done, failed int64
}

// run starts a process of that many callers, each asking again and again until ctx ends.
func (s *server) run(ctx context.Context, callers int, jitter uint64) *process {
	p := &process{Limiter: Wrap(s, llm.Limits{}, bubble(jitter))}
	for range callers {
		go func() {
			for ctx.Err() == nil {
				_, err := p.Chat(ctx, ask(1))
				p.mu.Lock()
				if err == nil {
					p.done++
				} else if ctx.Err() == nil {
					p.failed++
				}
				p.mu.Unlock()
			}
		}()
	}
	return p
}

// simulate gives a test simulated time and a context for its processes.
func simulate(t *testing.T, test func(t *testing.T, ctx context.Context)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		test(t, ctx)
		cancel()
		time.Sleep(time.Hour) // what is in flight ends
	})
}

type tally struct {
	done    []float64
	refused float64
}

func count(ps []*process) (t tally) {
	synctest.Wait()
	for _, p := range ps {
		t.done = append(t.done, float64(p.done))
		t.refused += float64(p.State().Refused)
	}
	return t
}

// since returns completions by process, and the share of calls that were refused.
func (t tally) since(u tally) (done []float64, total, refused float64) {
	done = make([]float64, len(t.done))
	copy(done, t.done)
	for i := range u.done {
		done[i] -= u.done[i]
	}
	for _, d := range done {
		total += d
	}
	r := t.refused - u.refused
	return done, total, r / (r + total)
}

// jain is Jain's index of fairness: 1 when all are equal, 1/n when one has all.
func jain(x []float64) float64 {
	var sum, squares float64
	for _, v := range x {
		sum += v
		squares += v * v
	}
	return sum * sum / (float64(len(x)) * squares)
}

// TestSharedKey: processes that share a key each get their share, use what the
// server allows and are seldom refused; one that comes late gets its share too.
func TestSharedKey(t *testing.T) {
	const (
		warmUp = time.Minute
		s      = time.Second
	)
	for name, srv := range map[string]*server{
		"rate":                      {perMinute: 600, burst: 10, latency: s},
		"rate, a minute at once":    {perMinute: 600, burst: 600, latency: s},
		"rate, fast answers":        {perMinute: 600, burst: 10, latency: s / 100},
		"rate, slow answers":        {perMinute: 600, burst: 10, latency: 20 * s},
		"rate, retry-after":         {perMinute: 600, burst: 10, latency: s, retryAfter: true},
		"high rate":                 {perMinute: 6000, burst: 100, latency: s},
		"headers":                   {perMinute: 600, burst: 600, latency: s, headers: true},
		"headers, slow answers":     {perMinute: 600, burst: 600, latency: 20 * s, headers: true},
		"headers, by the clock":     {perMinute: 600, latency: s, headers: true, retryAfter: true, fixed: true},
		"headers that tell not all": {perMinute: 600, burst: 10, latency: s, headers: true},
		"concurrency":               {inFlight: 100, latency: s},
		"concurrency, slow answers": {inFlight: 100, latency: 10 * s},
		"concurrency, thousands":    {inFlight: 900, latency: 5 * s},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T, ctx context.Context) {
				srv.start()
				length := 10 * time.Minute
				if srv.perMinute > 600 || srv.inFlight > 0 && srv.latency < 10*s {
					length = 4 * time.Minute // as sure, with so many calls
				}
				allowed := float64(srv.perMinute) * length.Minutes()
				if srv.inFlight > 0 {
					allowed = float64(srv.inFlight) * float64(length) / float64(srv.latency)
				}
				var ps []*process
				measure := func(least float64) {
					time.Sleep(warmUp)
					before := count(ps)
					time.Sleep(length)
					done, total, refused := count(ps).since(before)
					t.Logf("completions %v, Jain's index %.3f, used %.3f, refused %.3f", done, jain(done), total/allowed, refused)
					if jain(done) < least || total < 0.8*allowed || refused > 0.1 {
						t.Errorf("completions %v, Jain's index %.3f, used %.3f of what is allowed, %.3f refused", done, jain(done), total/allowed, refused)
					}
					if last := done[len(done)-1] / total * float64(len(done)); last < 0.5 {
						t.Errorf("the last got %.2f of its share: %v", last, done)
					}
				}
				for i := range 3 {
					ps = append(ps, srv.run(ctx, 600, uint64(i)))
				}
				measure(0.9)
				ps = append(ps, srv.run(ctx, 600, 99))
				measure(0.85)
				for i, p := range ps {
					if p.failed > 0 {
						t.Errorf("process %d: %d calls failed", i, p.failed)
					}
				}
			})
		})
	}
}

// TestSlowServer: one call a second, answered in 10 ms, is not asked for much
// oftener than that, though a window of one would allow 100.
func TestSlowServer(t *testing.T) {
	simulate(t, func(t *testing.T, ctx context.Context) {
		srv := &server{perMinute: 60, burst: 1, latency: 10 * time.Millisecond}
		srv.start()
		ps := []*process{srv.run(ctx, 100, 1)}
		time.Sleep(time.Minute)
		before := count(ps)
		time.Sleep(10 * time.Minute)
		if _, total, refused := count(ps).since(before); total < 360 || refused > 0.15 {
			t.Errorf("%v of 600 calls done, %.3f refused", total, refused)
		}
	})
}

// TestOutage: after a minute of refusals the old throughput is soon there again.
func TestOutage(t *testing.T) {
	simulate(t, func(t *testing.T, ctx context.Context) {
		srv := &server{latency: time.Second}
		srv.start()
		ps := []*process{srv.run(ctx, 1000, 1)}
		time.Sleep(time.Minute)
		srv.set(func() { srv.down = true })
		before := count(ps)
		time.Sleep(time.Minute)
		if _, _, _ = count(ps).since(before); count(ps).refused > 3000 {
			t.Errorf("%v calls were sent to a server that is down", count(ps).refused)
		}
		srv.set(func() { srv.down = false })
		time.Sleep(30 * time.Second)
		before = count(ps)
		time.Sleep(10 * time.Second)
		if done, _, _ := count(ps).since(before); done[0] < 5000 || ps[0].failed > 0 {
			t.Errorf("half a minute later %v of 10,000 calls in 10 s; %d failed", done, ps[0].failed)
		}
	})
}

// TestNoise: a server that refuses a call in fifty for no reason is not held
// for an overloaded one.
func TestNoise(t *testing.T) {
	simulate(t, func(t *testing.T, ctx context.Context) {
		srv := &server{latency: time.Second, noise: 50}
		srv.start()
		ps := []*process{srv.run(ctx, 200, 1)}
		time.Sleep(time.Minute)
		before := count(ps)
		time.Sleep(time.Minute)
		if done, _, _ := count(ps).since(before); done[0] < 9000 {
			t.Errorf("%v of 12,000 calls", done)
		}
	})
}

// TestRampUp: 2,000 calls of a second are in flight within a few seconds.
func TestRampUp(t *testing.T) {
	simulate(t, func(t *testing.T, ctx context.Context) {
		srv := &server{latency: time.Second}
		srv.start()
		p := srv.run(ctx, 4000, 1)
		time.Sleep(6 * time.Second)
		if s := p.State(); s.InFlight < 2000 {
			t.Errorf("%+v", s)
		}
	})
}
