package batch

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/openai"
)

// A process is killed at some call; the next one asks the same, and no request
// is paid twice.
func TestKilled(t *testing.T) {
	for call, batches := range map[string]int{sendFile: 1, makeBatch: 1, getBatch: 1, getContent: 1} {
		inLab(t, call, func(t *testing.T, l *lab) {
			killed := make(chan struct{})
			ctx, cancel := context.WithCancel(t.Context())
			var once sync.Once
			l.api.Lose = func(c string, n int) bool {
				if c == call && n == 0 {
					once.Do(func() {
						cancel() // before the client, which may try again at once, learns of it
						close(killed)
					})
					return true
				}
				return false
			}
			p := l.start()
			go func() {
				<-killed
				p.kill()
			}()
			for _, err := range p.all(ctx, t, "q", 20) {
				if err == nil {
					t.Error("answered though the process was killed")
				}
			}
			synctest.Wait()
			l.answers(20, batches)
		})
	}
}

// Answers that were read and not yet written to the ledger are read again.
func TestKilledAfterCollect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		p := l.start()
		p.must(t, "q", 20)
		p.kill()
		next := l.start()
		next.must(t, "q", 10) // the others come later
		next.must(t, "q", 20)
		next.stop(t)
		l.billed(20, 20)
		if n := l.api.Calls(getContent); n != 3 {
			t.Errorf("the file was read %d times", n)
		}
		if l.records(closedSuffix) != 1 {
			t.Error("the batch is not closed")
		}
	})
}

// A batch is not closed before its answers are written, whatever comes after it.
func TestKilledAfterTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		p := l.start()
		for _, turn := range []string{"a", "b", "c"} {
			p.must(t, turn, 10)
		}
		p.kill()
		next := l.start()
		for _, turn := range []string{"a", "b", "c"} {
			next.must(t, turn, 10)
		}
		next.stop(t)
		l.billed(30, 30)
		if l.records(closedSuffix) != 3 {
			t.Errorf("%d closed", l.records(closedSuffix))
		}
	})
}

// A batch that a killed process did not write down is found behind many others.
func TestFoundAmongMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		p := l.start()
		l.api.Lose = func(c string, n int) bool {
			if c == makeBatch && n == 0 {
				p.batcher.cancel() // nothing is done after this
				return true
			}
			return false
		}
		ctx, cancel := context.WithTimeout(t.Context(), poll)
		defer cancel()
		p.all(ctx, t, "q", 20)
		p.kill()
		if l.records(claimSuffix) != 0 {
			t.Fatal("the process lived on")
		}
		strangers, err := openai.NewBatches(l.model, openai.Access{}, l.client)
		if err != nil {
			t.Fatal(err)
		}
		file, err := strangers.Upload(t.Context(), "other.jsonl", []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		for range 250 {
			if _, err := strangers.Create(t.Context(), file.ID, "another"); err != nil {
				t.Fatal(err)
			}
		}
		l.answers(20, 251)
		if n := l.api.Calls(listBatch); n != 3 {
			t.Errorf("%d pages were read", n)
		}
	})
}

// Two processes of one identity ask the same: the later waits for the batch of
// the earlier, which is alive.
func TestSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.api.Hold(true)
		a := l.start()
		var wg sync.WaitGroup
		wg.Go(func() { a.must(t, "q", 20) })
		time.Sleep(2 * poll)
		b := l.start()
		wg.Go(func() { b.must(t, "q", 20) })
		time.Sleep(2 * poll)
		l.api.Hold(false)
		wg.Wait()
		a.stop(t)
		b.stop(t)
		l.billed(20, 20)
		l.batches(1, 0)
	})
}

// A slow API takes its time for an upload.
type slow struct {
	API
	upload time.Duration
}

func (s slow) Upload(ctx context.Context, name string, data []byte) (llm.File, error) {
	time.Sleep(s.upload)
	return s.API.Upload(ctx, name, data)
}

// A process takes another for gone only after a grace; when it was not, the
// other's batch is cancelled before it starts, and both wait for the same one.
func TestSlowUpload(t *testing.T) {
	for upload, batches := range map[time.Duration]int{poll: 1, looks / 2 * poll: 1, 2 * looks * poll: 2} {
		inLab(t, upload.String(), func(t *testing.T, l *lab) {
			l.api.Hold(true)
			release := time.AfterFunc(3*looks*poll, func() { l.api.Hold(false) })
			defer release.Stop()
			a := l.start()
			a.batcher.api = slow{a.batcher.api, upload}
			var wg sync.WaitGroup
			wg.Go(func() { a.must(t, "q", 20) })
			time.Sleep(poll / 2)
			b := l.start()
			wg.Go(func() { b.must(t, "q", 20) })
			wg.Wait()
			a.stop(t)
			b.stop(t)
			l.billed(20, 20)
			l.batches(batches, 0)
		})
	}
}

// A batch that the provider no longer has, such as another account's, is asked anew.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		p := l.start()
		p.must(t, "q", 5)
		p.kill()
		other := newLab(t)
		other.bucket = l.bucket
		p = other.start()
		p.must(t, "q", 5)
		p.stop(t)
		other.billed(5, 5)
	})
}

// A batch that nobody asked for while its provider kept it is closed.
func TestOldBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		p := l.start()
		ctx, cancel := context.WithTimeout(t.Context(), poll)
		defer cancel()
		p.all(ctx, t, "q", 5)
		p.kill()
		time.Sleep(keptFor - time.Hour)
		l.start().stop(t)
		if l.records(closedSuffix) != 0 {
			t.Error("it is closed too early")
		}
		time.Sleep(time.Hour)
		l.start().stop(t)
		if l.records(closedSuffix) != 1 {
			t.Error("it stays open")
		}
	})
}

// A failure that the ledger has from before is no answer of a batch that asks the
// same again: it is taken up, and not paid twice.
func TestKilledAfterFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.refusedRuns(1)
		l.leaves(4)
		next := l.start()
		l.batches(2, 1)
		next.must(t, "q", 4)
		next.stop(t)
		l.billed(4, 4)
		l.batches(2, 0)
	})
}

// Nor does the process itself lose sight of such a batch, when it could not be
// looked at for a while.
func TestLostSightAfterFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.refusedRuns(1)
		l.fails(getBatch, always, 503)
		p := l.start()
		p.ends(t.Context(), t, 4, fault.Temporary)
		l.api.Down = nil
		p.must(t, "another", 2) // closes what is written
		p.must(t, "q", 4)
		p.stop(t)
		l.billed(6, 6)
		l.batches(3, 0)
	})
}

// refusedRuns are first runs whose questions are refused one by one.
func (l *lab) refusedRuns(runs int) {
	l.t.Helper()
	l.api.Fate = func(batch, _ int) string {
		if batch < runs {
			return "413"
		}
		return ""
	}
	for run := range runs {
		p := l.start()
		for _, err := range p.all(l.t.Context(), l.t, "q", 4) {
			if e, ok := errors.AsType[*llm.Error](err); !ok || e.Class != llm.Refused {
				l.t.Errorf("%v", err)
			}
		}
		p.stop(l.t)
		l.batches(run+1, 0)
	}
}
