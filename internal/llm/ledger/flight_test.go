package ledger

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

// TestCoalesced: requests with one key make one call between them.
func TestCoalesced(t *testing.T) {
	release := make(chan struct{})
	next := &provider{chat: func(context.Context, int64, *llm.Request) (*llm.Response, error) {
		<-release
		return &llm.Response{Content: "one"}, nil
	}}
	l := open(t, store.NewMem())
	c := wrap(t, l, next)
	var paid, replays atomic.Int64
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			resp := chat(t, c, ask("same"))
			resp.Usage.Calls++ // an answer is its caller's own
			replays.Add(resp.Usage.Replayed)
			paid.Add(1 - resp.Usage.Replayed)
		})
	}
	close(release)
	wg.Wait()
	if next.calls.Load() != 1 || paid.Load() != 1 || replays.Load() != 31 {
		t.Errorf("%d calls, %d paid, %d replayed", next.calls.Load(), paid.Load(), replays.Load())
	}
	closeLedger(t, l)
}

// TestLeaderGivesUp: when the one who called is cancelled, another calls.
func TestLeaderGivesUp(t *testing.T) {
	called := make(chan struct{}, 2)
	next := &provider{chat: func(ctx context.Context, n int64, _ *llm.Request) (*llm.Response, error) {
		called <- struct{}{}
		if n == 1 {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return &llm.Response{Content: "second"}, nil
	}}
	c := wrap(t, open(t, store.NewMem()), next)
	ctx, cancel := context.WithCancel(t.Context())
	led := make(chan error, 1)
	go func() { _, err := c.Chat(ctx, ask("x")); led <- err }()
	<-called
	gone, giveUp := context.WithCancel(t.Context())
	waits, left := make(chan llm.Response, 1), make(chan error, 1)
	go func() { waits <- chat(t, c, ask("x")) }()
	go func() { _, err := c.Chat(gone, ask("x")); left <- err }()
	giveUp()
	if err := <-left; err != context.Canceled {
		t.Errorf("a follower that gave up: %v", err)
	}
	cancel()
	if err := <-led; err != context.Canceled {
		t.Errorf("the leader: %v", err)
	}
	if resp := <-waits; resp.Content != "second" {
		t.Errorf("the follower: %+v", resp)
	}
}

// TestAnswerAfterTheStop: what comes although its caller was told to stop is
// recorded, and those who wait for it have it too.
func TestAnswerAfterTheStop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	next := &provider{chat: func(context.Context, int64, *llm.Request) (*llm.Response, error) {
		cancel()
		return &llm.Response{Content: "late"}, nil
	}}
	bucket := store.NewMem()
	l := open(t, bucket)
	c := wrap(t, l, next)
	if resp, err := c.Chat(ctx, ask("x")); err != nil || resp.Content != "late" {
		t.Errorf("%+v, %v", resp, err)
	}
	closeLedger(t, l)
	if resp := chat(t, wrap(t, open(t, bucket, replayOnly), nil), ask("x")); resp.Content != "late" {
		t.Errorf("replayed %+v", resp)
	}
}
