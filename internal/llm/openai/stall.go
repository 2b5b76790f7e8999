package openai

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// Silence is how long an answer that has begun may pause. Before it begins a model
// may think for as long as the call may take.
const Silence = 2 * time.Minute

// stalled is the error of an answer that paused for too long.
type stalled struct{ after time.Duration }

func (s stalled) Error() string {
	return "the answer stopped in its middle: not a byte for " + s.after.String()
}
func (stalled) Timeout() bool { return true }

// patient ends an answer that stalls within its body.
type patient struct {
	*http.Transport
	silence time.Duration
}

// RoundTrip implements http.RoundTripper.
func (p patient) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	resp, err := p.Transport.RoundTrip(r.WithContext(ctx))
	if err != nil {
		cancel(nil)
		return nil, err
	}
	timer := time.AfterFunc(p.silence, func() { cancel(stalled{p.silence}) })
	timer.Stop() // it runs while somebody reads
	resp.Body = &awaited{resp.Body, ctx, cancel, timer, p.silence}
	return resp, nil
}

// awaited is a body of which each read may wait so long.
type awaited struct {
	io.ReadCloser
	ctx     context.Context // of the request
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	silence time.Duration
}

func (a *awaited) Read(p []byte) (int, error) {
	a.timer.Reset(a.silence)
	n, err := a.ReadCloser.Read(p)
	a.timer.Stop()
	if err != nil && !errors.Is(err, io.EOF) {
		if s, ok := errors.AsType[stalled](context.Cause(a.ctx)); ok {
			err = s
		}
	}
	return n, err
}

func (a *awaited) Close() error {
	a.cancel(nil)
	return a.ReadCloser.Close()
}
