package batch

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
)

// A batch is cancelled while a run waits for it: what is answered is used, the
// rest ends the run, and the next run asks it anew.
func TestCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.api.Hold(true)
		p := l.start()
		go func() {
			time.Sleep(5 * poll)
			open, err := List(t.Context(), p.batcher.api, p.batcher.opt)
			if err != nil || len(open) != 1 || open[0].Requests != 20 || open[0].Status != "in_progress" {
				t.Errorf("%+v, %v", open, err)
				return
			}
			if err := Cancel(t.Context(), p.batcher.api, p.batcher.opt, open[0].ID); err != nil {
				t.Error(err)
			}
			time.Sleep(5 * poll)
			l.api.Hold(false)
		}()
		ended := 0
		for _, err := range p.all(t.Context(), t, "q", 20) {
			if err == nil {
				continue
			}
			ended++
			if e, ok := errors.AsType[*llm.Error](err); !ok || e.Class != llm.Denied || fault.Code(err) != fault.Config || !strings.Contains(fault.Hint(err), "run again") {
				t.Errorf("%v (%s)", err, fault.Hint(err))
			}
		}
		p.stop(t)
		l.billed(10, 10)
		if ended != 10 {
			t.Errorf("%d requests were not answered", ended)
		}
		l.answers(20, 2)
	})
}

// A run that starts after somebody cancelled what the last one left is a decision
// to go on: it uses what is answered and asks the rest.
func TestCancelledBefore(t *testing.T) {
	for name, ended := range map[string]bool{"cancelling": false, "cancelled": true} {
		inLab(t, name, func(t *testing.T, l *lab) {
			l.api.Hold(true)
			p := l.start()
			ctx, cancel := context.WithTimeout(t.Context(), 3*poll)
			defer cancel()
			p.all(ctx, t, "q", 20)
			p.kill()
			l.api.CancelAll()
			l.api.Hold(!ended)
			release := time.AfterFunc(5*poll, func() { l.api.Hold(false) })
			defer release.Stop()
			l.answers(20, 2)
		})
	}
}

// Listing changes nothing, even where a batch is there twice; whoever takes it up
// cancels the younger.
func TestListReadsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const cancel = "POST /v1/batches/{id}/cancel"
		l := newLab(t)
		p := l.start()
		l.api.Lose = func(call string, n int) bool {
			if call == makeBatch && n == 0 {
				p.batcher.cancel() // nothing is done after this
				return true
			}
			return false
		}
		ctx, stop := context.WithTimeout(t.Context(), poll)
		defer stop()
		p.all(ctx, t, "q", 4)
		p.kill()
		made, _, err := p.batcher.api.List(t.Context(), "")
		if err != nil || len(made) != 1 || made[0].Mark == "" {
			t.Fatal(made, err)
		}
		time.Sleep(poll)
		if _, err := p.batcher.api.Create(t.Context(), "file-1", made[0].Mark); err != nil {
			t.Fatal(err)
		}
		open, err := List(t.Context(), p.batcher.api, p.batcher.opt)
		if err != nil || len(open) != 1 || open[0].ID != made[0].ID || !open[0].Running() {
			t.Errorf("%+v, %v", open, err)
		}
		if n := l.api.Calls(cancel); n != 0 || l.records(claimSuffix) != 0 {
			t.Errorf("listing cancelled %d batches", n)
		}
		l.answers(4, 2)
		if n := l.api.Calls(cancel); n != 1 {
			t.Errorf("%d were cancelled, want the younger", n)
		}
	})
}
