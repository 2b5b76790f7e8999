package batch

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Sessions that each ask their next question after the last answer make as many
// batches as turns; the ledger then answers without any; and every batch is closed.
func TestLockStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		p := l.start()
		const sessions, turns = 40, 5
		var wg sync.WaitGroup
		for i := range sessions {
			wg.Go(func() {
				for turn := range turns {
					if _, err := p.Chat(t.Context(), question(fmt.Sprint(i, turn))); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		p.stop(t)
		if n := l.api.Count(); n != turns {
			t.Errorf("%d batches for %d turns", n, turns)
		}
		l.billed(sessions*turns, sessions*turns)
		if open, done := l.records(noteSuffix), l.records(closedSuffix); open != turns || done != turns {
			t.Errorf("%d batches are written down and %d closed, want %d", open, done, turns)
		}
		p = l.start()
		for i := range sessions {
			if resp, err := p.Chat(t.Context(), question(fmt.Sprint(i, 0))); err != nil || resp.Usage.Replayed != 1 {
				t.Errorf("%+v, %v", resp, err)
			}
		}
		p.stop(t)
		if l.api.Count() != turns {
			t.Error("a replay asked the provider")
		}
	})
}

// A batch is full at so many requests, and goes out at once.
func TestFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.most = 10
		p := l.start()
		p.must(t, "q", 35)
		p.stop(t)
		if n := l.api.Count(); n != 4 {
			t.Errorf("%d batches", n)
		}
	})
}

// A file is full at so many bytes.
func TestFullOfBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.file = 10_000
		p := l.start()
		long := strings.Repeat("x", 900)
		var wg sync.WaitGroup
		for i := range 15 {
			wg.Go(func() {
				if _, err := p.Chat(t.Context(), question(fmt.Sprint(long, i))); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		p.stop(t)
		if n := l.api.Count(); n != 2 {
			t.Errorf("%d batches", n)
		}
	})
}

// A caller who gives up leaves the batch; one who asks again finds it.
func TestGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		p := l.start()
		ctx, cancel := context.WithTimeout(t.Context(), poll)
		defer cancel()
		for _, err := range p.all(ctx, t, "q", 5) {
			if err != context.DeadlineExceeded {
				t.Error(err)
			}
		}
		early, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		for _, err := range p.all(early, t, "never sent", 5) {
			if err != context.DeadlineExceeded {
				t.Error(err)
			}
		}
		time.Sleep(10 * poll) // the batch ends with nobody waiting
		p.must(t, "q", 5)
		p.stop(t)
		l.billed(5, 5)
		if l.api.Count() != 1 || l.records(closedSuffix) != 1 {
			t.Errorf("%d batches, %d closed", l.api.Count(), l.records(closedSuffix))
		}
	})
}
