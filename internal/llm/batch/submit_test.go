package batch

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gymline/gymline/internal/fault"
)

// The answer to the creation of a batch is lost: the batch is found, and not made twice.
func TestUnclearCreate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.api.Lose = func(c string, n int) bool { return c == makeBatch && n == 0 }
		l.answers(20, 1)
	})
}

// Every call of the Batch API is tried again when it fails for a while.
func TestCallsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		failed := map[string]int{}
		l.api.Down = func(call string, n int) int {
			if n >= 3 {
				return 0
			}
			failed[call]++
			return []int{429, 500, 503}[n]
		}
		l.answers(20, 1)
		if len(failed) != 5 { // with the list, after a creation that failed
			t.Errorf("these calls failed: %v", failed)
		}
	})
}

// What keeps failing is temporary, and the batch stays for the next process.
func TestCallsKeepFailing(t *testing.T) {
	for _, call := range []string{sendFile, makeBatch, getBatch, getContent} {
		inLab(t, call, func(t *testing.T, l *lab) {
			l.fails(call, always, 503)
			p := l.start()
			p.ends(t.Context(), t, 3, fault.Temporary)
			p.kill()
			l.api.Down = nil
			l.answers(3, 1)
		})
	}
}

// A provider without a Batch API says so at the first call.
func TestNoBatchAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.model.BaseURL = "http://provider.test/other"
		p := l.start()
		_, err := p.Chat(t.Context(), question("q"))
		if fault.Code(err) != fault.Config || !strings.Contains(fault.Hint(err), "remove batch.gpt") {
			t.Errorf("%v (%s)", err, fault.Hint(err))
		}
		p.stop(t)
		if l.records(noteSuffix) != 1 || l.records(closedSuffix) != 1 {
			t.Error("the note stays open")
		}
	})
}

// Once it is unclear whether a batch was started, no refusal makes it clear: the
// note stays, and the next process finds the batch or that there is none.
func TestUnclearThenRefused(t *testing.T) {
	for name, c := range map[string]struct {
		lost bool           // the batch is made, and the answer lost
		down map[string]int // what is denied, and from which call on
	}{
		"made, no list":            {true, map[string]int{listBatch: 0}},
		"not made, no list":        {false, map[string]int{listBatch: 0}},
		"not made, then forbidden": {false, map[string]int{makeBatch: 1}},
	} {
		inLab(t, name, func(t *testing.T, l *lab) {
			l.api.Lose = func(call string, n int) bool { return c.lost && call == makeBatch && n == 0 }
			l.api.Down = func(call string, n int) int {
				if from, ok := c.down[call]; ok && n >= from {
					return 403
				}
				if !c.lost && call == makeBatch && n == 0 {
					return 500
				}
				return 0
			}
			p := l.start()
			p.ends(t.Context(), t, 4, fault.Config)
			p.stop(t)
			l.api.Lose, l.api.Down = nil, nil
			if l.records(claimSuffix) != 0 || l.records(closedSuffix) != 0 {
				t.Error("the note was given up")
			}
			l.answers(4, 1)
		})
	}
}

// A note that certainly became no batch is given up at once, for the next process
// need not look for it.
func TestNeverCreated(t *testing.T) {
	for call, status := range map[string]int{makeBatch: 403, sendFile: 503} {
		inLab(t, call, func(t *testing.T, l *lab) {
			l.fails(call, always, status)
			p := l.start()
			if errors.Join(p.all(t.Context(), t, "q", 4)...) == nil {
				t.Error("no error")
			}
			p.stop(t)
			l.batches(0, 0)
			l.api.Down = nil
			l.answers(4, 1)
			if l.api.Calls(listBatch) != 0 {
				t.Error("the provider's list was read")
			}
		})
	}
}
