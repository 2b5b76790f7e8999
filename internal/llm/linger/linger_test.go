package linger

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/gymline/gymline/internal/llm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBroken = errors.New("broken")

// A model answers after its delay, or hangs up with its caller.
type model struct {
	delay time.Duration
	err   error
	calls int
}

func (m *model) Chat(ctx context.Context, _ *llm.Request) (*llm.Response, error) {
	m.calls++
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(m.delay):
	}
	if m.err != nil {
		return nil, m.err
	}
	return &llm.Response{Content: "paid for"}, nil
}

func TestLinger(t *testing.T) {
	const s = time.Second
	for name, tt := range map[string]struct {
		model  model
		cancel time.Duration // 0: never
		err    error
		took   time.Duration
	}{
		"undisturbed":          {model{delay: 30 * s}, 0, nil, 30 * s},
		"fails":                {model{delay: s, err: errBroken}, 0, errBroken, s},
		"answers in time":      {model{delay: 14 * s}, 10 * s, nil, 14 * s},
		"answers too late":     {model{delay: 16 * s}, 10 * s, context.Canceled, 15 * s},
		"fails after the stop": {model{delay: 14 * s, err: errBroken}, 10 * s, context.Canceled, 14 * s},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.cancel > 0 {
					time.AfterFunc(tt.cancel, cancel)
				}
				start := time.Now()
				resp, err := Wrap(&tt.model, 5*s).Chat(ctx, &llm.Request{})
				if !errors.Is(err, tt.err) || (resp != nil) != (tt.err == nil) || time.Since(start) != tt.took {
					t.Errorf("%+v, %v after %v", resp, err, time.Since(start))
				}
			})
		})
	}
}

func TestNoCallBeginsAfterTheStop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := &model{}
	if _, err := Wrap(m, time.Second).Chat(ctx, &llm.Request{}); err != context.Canceled || m.calls != 0 {
		t.Errorf("%v, %d calls", err, m.calls)
	}
}
