package exporter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gymline/gymline/internal/fault"
)

// A Server serves an exporter's metrics, and those of its own process, at /metrics.
type Server struct {
	*Exporter
	listener net.Listener
	http     *http.Server
	ended    chan struct{}
	scrapes  scrapes
}

// scrapes are when the last one began, and how long after the one before.
type scrapes struct {
	mu   sync.Mutex
	now  func() time.Time
	last time.Time
	gap  time.Duration
	// awaited is who waits for a scrape that begins from now on; nil: nobody.
	awaited chan struct{}
}

// The least and the most that the end of a run waits to be seen.
const (
	lastAfter  = time.Second
	lastWithin = 2 * time.Minute
)

// Listen serves at an address such as 127.0.0.1:9464 until Close. There is no
// encryption and no password: what it serves are counts, names of steps and the
// run's name.
func Listen(address string, now func() time.Time) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fault.New(fault.Config, fmt.Errorf("metrics: %w", err), "give --metrics a free HOST:PORT of this machine, such as 127.0.0.1:9464")
	}
	registry := prometheus.NewPedanticRegistry()
	x := &Exporter{}
	registry.MustRegister(x, collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewGoCollector())
	mux := http.NewServeMux()
	s := &Server{
		Exporter: x, listener: listener, ended: make(chan struct{}), scrapes: scrapes{now: now},
		http: &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute},
	}
	page := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		seen := s.scrapes.begin()
		page.ServeHTTP(w, r)
		if seen != nil {
			seen <- struct{}{}
		}
	})
	go func() {
		defer close(s.ended)
		_ = s.http.Serve(listener) // it ends with Close
	}()
	return s, nil
}

// Address is where it listens, also when the port was left to the system.
func (s *Server) Address() string { return s.listener.Addr().String() }

// begin counts a scrape, and returns who waits for it.
func (s *scrapes) begin() (seen chan<- struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if !s.last.IsZero() {
		s.gap = now.Sub(s.last)
	}
	s.last = now
	seen, s.awaited = s.awaited, nil
	return seen
}

// await returns the time between scrapes, and what the next one to begin fills at its end.
func (s *scrapes) await() (gap time.Duration, seen <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.awaited = make(chan struct{}, 1)
	return s.gap, s.awaited
}

// Seen waits for one more scrape, where the run's scores are there to be seen and scrapes
// come again and again: as long as that may take, which say hears, or until ctx ends.
func (s *Server) Seen(ctx context.Context, say func(time.Duration)) {
	known := s.Scored()
	gap, seen := s.scrapes.await()
	if !known || gap <= 0 {
		return
	}
	wait := min(max(2*gap, lastAfter), lastWithin)
	say(wait)
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	select {
	case <-seen:
	case <-ctx.Done():
	}
}

// Close lets a scrape under way end, while ctx lasts, and stops listening.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.ended
	return err
}
