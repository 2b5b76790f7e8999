// Package otlp sends a run's trace and measures to an OpenTelemetry collector, as the
// environment says. docs/opentelemetry.md is what it promises. It speaks OTLP over HTTP in
// JSON, by hand: OpenTelemetry's own kit is larger than all else that gymline is made of.
//
// Nothing here fails or holds up a run: events are taken without a wait, what waits to be
// sent is bounded, and so is the time at the end.
package otlp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gymline/gymline/internal/measures"
	"github.com/gymline/gymline/internal/progress"
)

var (
	// flushWithin bounds what the end of a run waits for the collector.
	flushWithin = 5 * time.Second
	// mostSpans bounds those that wait.
	mostSpans = 8192
)

const (
	// spansEvery is how often spans are sent, and spansAtOnce how many in a message.
	spansEvery  = 5 * time.Second
	spansAtOnce = 512
)

// An Exporter is a progress.Sink that is safe for concurrent use.
type Exporter struct {
	config  Config
	version string
	now     func() time.Time
	client  *http.Client
	tally   measures.Tally

	ctx     context.Context // of all that is sent
	cancel  context.CancelFunc
	closing chan struct{}
	wake    chan struct{} // there are spans for a whole message
	workers sync.WaitGroup

	mu              sync.Mutex
	began           time.Time
	run, experiment string
	trace           *trace // nil: none is wanted
	queue           []span
	spans, lost     int   // that came to be, and that were not taken
	dropped         int   // of these, for want of room
	failed          error // why spans are lost
	unmeasured      error // why the last measures are
}

// Open begins to send what is emitted, until Close.
func Open(c *Config, version string, now func() time.Time) *Exporter {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	x := &Exporter{
		config: *c, version: version, now: now, closing: make(chan struct{}), wake: make(chan struct{}, 1), began: now(),
		client: &http.Client{
			Transport: transport,
			// What is meant for one address goes to no other.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	x.ctx, x.cancel = context.WithCancel(context.Background())
	if c.traces != nil {
		x.trace = &trace{began: x.began, parent: c.parent}
		x.workers.Go(func() { every(x.closing, spansEvery, x.wake, x.sendSpans) })
	}
	if c.metrics != nil {
		x.workers.Go(func() { every(x.closing, c.interval, nil, x.sendMeasures) })
	}
	return x
}

// Since sets when the run began, before it is opened: it is told of after the fact.
func (x *Exporter) Since(began time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.began = began
	if x.trace != nil {
		x.trace.began = began
	}
}

// Emit implements progress.Sink.
func (x *Exporter) Emit(e progress.Event) {
	x.Measure(e)
	x.Trace(x.now(), e)
}

// Measure takes an event for the measures alone.
func (x *Exporter) Measure(e progress.Event) {
	if e.Type == progress.RunOpened {
		x.mu.Lock()
		x.run, x.experiment = e.Run, e.Experiment
		x.mu.Unlock()
	}
	x.tally.Emit(e)
}

// Trace takes an event of a time for the trace alone.
func (x *Exporter) Trace(at time.Time, e progress.Event) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.trace == nil {
		return
	}
	for _, s := range x.trace.take(at, e) {
		x.spans++
		if s.leaf && len(x.queue) >= mostSpans { // those above it are few
			x.lost, x.dropped = x.lost+1, x.dropped+1
			continue
		}
		x.queue = append(x.queue, s)
	}
	if len(x.queue) >= spansAtOnce {
		select {
		case x.wake <- struct{}{}:
		default:
		}
	}
}

// every sends at each tick and each wake, and for the last time at closing.
func every(closing <-chan struct{}, interval time.Duration, wake <-chan struct{}, send func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-wake:
		case <-closing:
			send()
			return
		}
		send()
	}
}

func (x *Exporter) isClosing() bool {
	select {
	case <-x.closing:
		return true
	default:
		return false
	}
}

// sendSpans sends all that wait.
func (x *Exporter) sendSpans() {
	for {
		x.mu.Lock()
		n := min(len(x.queue), spansAtOnce)
		batch := append([]span(nil), x.queue[:n]...)
		x.queue = append(x.queue[:0], x.queue[n:]...)
		resource := x.resource()
		x.mu.Unlock()
		if n == 0 {
			return
		}
		said, err := answer{}, errLate
		if x.ctx.Err() == nil {
			said, err = x.deliver(x.config.traces, traces{[]resourceSpans{{resource, []scopeSpans{{x.scope(), batch}}}}})
		}
		rejected := min(max(int(said.Partial.Spans), 0), n)
		if err != nil {
			rejected = n
		} else if rejected > 0 {
			err = rejection(said)
		}
		x.mu.Lock()
		x.lost += rejected
		if x.failed == nil {
			x.failed = err
		}
		x.mu.Unlock()
	}
}

// rejection is why a collector took a message in part.
func rejection(said answer) error {
	if said.Partial.Message == "" {
		return errors.New("it rejects them")
	}
	return fmt.Errorf("it rejects them: %s", clip(said.Partial.Message))
}

// sendMeasures sends how they stand.
func (x *Exporter) sendMeasures() {
	x.mu.Lock()
	resource, began, opened := x.resource(), x.began, x.run != ""
	x.mu.Unlock()
	if !opened {
		return
	}
	list := measured(x.tally.Points(), began, x.now())
	said, err := x.deliver(x.config.metrics, metrics{[]resourceMetrics{{resource, []scopeMetrics{{x.scope(), list}}}}})
	if err == nil && said.Partial.Points > 0 {
		err = rejection(said)
	}
	x.mu.Lock()
	x.unmeasured = err // what is sent later has all of it
	x.mu.Unlock()
}

func (x *Exporter) scope() scope { return scope{"github.com/gymline/gymline", x.version} }

// Close sends what waits, for a few seconds at most, and says what was not taken.
func (x *Exporter) Close() error {
	close(x.closing)
	late := time.AfterFunc(flushWithin, x.cancel)
	x.workers.Wait()
	late.Stop()
	x.cancel()
	x.client.CloseIdleConnections()
	var said []string
	if x.dropped > 0 {
		said = append(said, fmt.Sprintf("%d of %d spans were dropped, because more than %d waited", x.dropped, x.spans, mostSpans))
	}
	if n := x.lost - x.dropped; n > 0 {
		said = append(said, fmt.Sprintf("the collector at $%s did not take %d of %d spans: %v", x.config.traces.variable, n, x.spans, x.failed))
	}
	if x.unmeasured != nil {
		said = append(said, fmt.Sprintf("the collector at $%s did not take the last metrics: %v", x.config.metrics.variable, x.unmeasured))
	}
	if len(said) == 0 {
		return nil
	}
	return errors.New(strings.Join(said, "\n"))
}
