package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// How long a server may let a request wait without a byte in either direction.
const (
	stallTimeout    = 20 * time.Second
	assembleTimeout = 4 * time.Minute // where it puts parts together before it answers
	stallsBorne     = 1               // of one call: a connection that died unseen stalls, too
)

// errStalled is what a stall looks like to the caller.
var errStalled = errors.New("the server stalled: no byte came or went for too long")

// transport does what the client above it leaves open. It counts the PUTs that are
// sent for one call, because the client retries without saying so. It lets go of a
// request's body before it returns, because a server may answer early, and then the
// body is rewound or freed. It ends a request that stalls, before, within or after a
// body, and a call whose requests stall again. It notes the server's clock.
type transport struct {
	*http.Transport
	date atomic.Int64  // of the server's last answer, in seconds since 1970; 0 before there is one
	wait time.Duration // in place of both timeouts; 0 in earnest
}

// A call is what is known of one call of the client while it lasts.
type call struct {
	puts, stalls atomic.Int32
	ctx          context.Context
	end          context.CancelCauseFunc
}

// failed is the error of a call: a stall that ended it, where there was one.
func (c *call) failed(err error) error {
	if err != nil && errors.Is(context.Cause(c.ctx), errStalled) {
		return errStalled
	}
	return err
}

// callKey is the context key of a *call.
type callKey struct{}

// calling returns the context of one call, which ends with ctx or when the call is
// given up.
func calling(ctx context.Context) (context.Context, *call) {
	c := &call{}
	c.ctx, c.end = context.WithCancelCause(ctx)
	return context.WithValue(c.ctx, callKey{}, c), c
}

func (t *transport) timeout(r *http.Request) time.Duration {
	switch {
	case t.wait > 0:
		return t.wait
	case r.Method == http.MethodPost:
		return assembleTimeout
	}
	return stallTimeout
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	of, _ := r.Context().Value(callKey{}).(*call)
	if of != nil && r.Method == http.MethodPut {
		of.puts.Add(1)
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	w := &watch{timeout: t.timeout(r), cancel: func() { cancel(errStalled) }}
	r = r.WithContext(ctx) // a copy: the caller's request is not ours to change
	body := &lease{ReadCloser: r.Body, watch: w}
	if r.Body != nil {
		r.Body = body
	}
	w.begin()
	resp, err := t.Transport.RoundTrip(r)
	body.end()
	w.end()
	if err != nil {
		if errors.Is(context.Cause(ctx), errStalled) {
			err = errStalled
			if of != nil && of.stalls.Add(1) > stallsBorne {
				of.end(errStalled)
			}
		}
		cancel(nil)
		return nil, err
	}
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		t.date.Store(at.Unix())
	}
	resp.Body = &watched{resp.Body, w, ctx, func() { cancel(nil) }}
	return resp, nil
}

// A watch cancels a request when nothing happens between begin and end for so long.
type watch struct {
	timeout time.Duration
	cancel  func()
	mu      sync.Mutex
	timer   *time.Timer
}

// begin starts the wait, or starts it again.
func (w *watch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer == nil {
		w.timer = time.AfterFunc(w.timeout, w.cancel)
		return
	}
	w.timer.Reset(w.timeout)
}

func (w *watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
}

// watched is an answer's body: each read of it may wait so long, its reader as long
// as it likes.
type watched struct {
	io.ReadCloser
	watch *watch
	ctx   context.Context // of the request
	done  func()
}

func (b *watched) Read(p []byte) (int, error) {
	b.watch.begin()
	n, err := b.ReadCloser.Read(p)
	b.watch.end()
	if err != nil && !errors.Is(err, io.EOF) && errors.Is(context.Cause(b.ctx), errStalled) {
		err = errStalled
	}
	return n, err
}

func (b *watched) Close() error {
	b.done() // before the close, which may read what is left
	return b.ReadCloser.Close()
}

// A lease is a request's body that can be read until the lease ends.
type lease struct {
	io.ReadCloser
	watch *watch
	mu    sync.Mutex
	ended bool
}

var errEnded = errors.New("the server answered before it had read the request")

func (l *lease) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return 0, errEnded
	}
	n, err := l.ReadCloser.Read(p)
	l.watch.begin() // the server took what it was sent before
	return n, err
}

func (l *lease) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}
