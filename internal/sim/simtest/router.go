package simtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Router passes each call to another endpoint: it is answered in the shapes of
// one of Dialects and, while the Router is bad, a share of the calls meets one of
// Faults, each in its turn. Which calls do, and in which shapes, depends on Seed,
// the call's body and how often that was sent before. It has the files and batches API too, whose lines are answered so, and
// which, while it is bad, goes down, loses its answers and spoils its files.
type Router struct {
	Home  Dialect // what it refuses and heeds
	Key   string
	Seed  uint64
	Share float64 // of the calls that meet a fault, in [0,1]
	Calls float64 // of the calls of the files and batches API that do
	Bad   atomic.Bool

	Billed  atomic.Int64 // tokens
	Most    atomic.Int64 // tokens of one call
	Spoiled atomic.Int64 // calls, and lines and files of batches, that were not as on a calm day
	Faulty  atomic.Int64 // calls that met one of Faults
	batches *Batches
	once    sync.Once
	mu      sync.Mutex
	sent    map[string]int // by body
}

// ServeHTTP answers one call.
func (r *Router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if !strings.HasSuffix(req.URL.Path, "/chat/completions") {
		r.Batches().ServeHTTP(w, req)
		return
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	r.mu.Lock()
	if r.sent == nil {
		r.sent = map[string]int{}
	}
	times := r.sent[string(body)]
	r.sent[string(body)]++
	r.mu.Unlock()

	p := &Provider{Dialect: r.Home, Key: r.Key, Pause: 20}
	d := r.draw("call", string(body), times)
	tongue := Dialects[d.of(len(Dialects))]
	p.Error, p.Shape = tongue.Error, tongue.Shape
	p.Fault = func(int64) *Fault {
		if !r.meets(d, r.Share) {
			return nil
		}
		n := uint64(r.Faulty.Add(1)) + r.Seed
		return &Faults[n%uint64(len(Faults))]
	}
	p.ServeHTTP(w, req)
	billed := p.Billed.Load()
	r.Billed.Add(billed)
	for most := r.Most.Load(); billed > most && !r.Most.CompareAndSwap(most, billed); {
		most = r.Most.Load()
	}
}

// meets reports whether what was drawn meets a fault.
func (r *Router) meets(d *draw, share float64) bool {
	if !r.Bad.Load() || d.share() >= share {
		return false
	}
	r.Spoiled.Add(1)
	return true
}

// Batches is the files and batches API of the Router.
func (r *Router) Batches() *Batches {
	r.once.Do(func() {
		statuses := []int{http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable}
		fates := []string{"expired", "429", "500", "missing", "damaged", "repeated", "unknown"}
		r.batches = &Batches{Now: time.Now, Answer: r.answer,
			Fate: func(batch, i int) string {
				if d := r.draw("fate", batch, i); r.meets(d, r.Share) {
					return fates[d.of(len(fates))]
				}
				return ""
			},
			Down: func(call string, n int) int {
				if d := r.draw("down", call, n); r.meets(d, r.Calls) {
					return statuses[d.of(len(statuses))]
				}
				return 0
			},
			Lose: func(call string, n int) bool { return r.meets(r.draw("lose", call, n), r.Calls) },
		}
	})
	return r.batches
}

// answer answers a line of a batch as it would be answered alone.
func (r *Router) answer(ctx context.Context, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+"?"+r.Home.Query+"=1", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+r.Key)
	if r.Home.Header != "" {
		req.Header.Set(r.Home.Header, r.Key)
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	if w.Code != http.StatusOK || w.Body.Len() == 0 {
		return nil, errors.New(w.Body.String())
	}
	return w.Body.Bytes(), nil
}

// A draw is some bytes that look random.
type draw struct {
	bytes [sha256.Size]byte
	used  int
}

func (r *Router) draw(of ...any) *draw {
	return &draw{bytes: sha256.Sum256(fmt.Appendf(nil, "%d %q", r.Seed, of))}
}

func (d *draw) next() uint32 {
	d.used += 4
	return binary.LittleEndian.Uint32(d.bytes[d.used-4:])
}

func (d *draw) of(n int) int { return int(d.next() % uint32(n)) }

func (d *draw) share() float64 { return float64(d.next()) / (1 << 32) }
