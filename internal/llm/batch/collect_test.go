package batch

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
)

// What a batch did not answer is asked in the next one, and nothing else is.
func TestPartialFailure(t *testing.T) {
	for fate, billed := range map[string]int{"expired": 40, "429": 40, "500": 40, "missing": 60, "damaged": 60, "unknown": 60, "repeated": 40} {
		inLab(t, fate, func(t *testing.T, l *lab) {
			l.api.Fate = func(batch, i int) string {
				if batch == 0 && i%2 == 0 {
					return fate
				}
				return ""
			}
			p := l.start()
			p.must(t, "q", 40)
			p.stop(t)
			l.billed(billed, 40)
			want := 2
			if fate == "repeated" {
				want = 1
			}
			if l.api.Count() != want || l.records(closedSuffix) != want {
				t.Errorf("%d batches, %d closed, want %d", l.api.Count(), l.records(closedSuffix), want)
			}
		})
	}
}

// A request that is at fault fails by itself, with what the provider said.
func TestRefusedRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.api.Fate = func(_, i int) string { return map[int]string{3: "400"}[i] }
		p := l.start()
		failed := 0
		for _, err := range p.all(t.Context(), t, "q", 10) {
			if e, ok := errors.AsType[*llm.Error](err); ok && e.Class == llm.Refused && e.Status == 400 {
				failed++
			} else if err != nil {
				t.Error(err)
			}
		}
		p.stop(t)
		if failed != 1 || l.api.Count() != 1 {
			t.Errorf("%d rows failed, in %d batches", failed, l.api.Count())
		}
	})
}

// Tries are bounded.
func TestNeverAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.api.Fate = func(int, int) string { return "503" }
		p := l.start()
		_, err := p.Chat(t.Context(), question("q"))
		if e, ok := errors.AsType[*llm.Error](err); !ok || fault.Code(err) != fault.Temporary || e.Status != 503 || l.api.Count() != maxTries {
			t.Errorf("%d batches, %v", l.api.Count(), err)
		}
		p.stop(t)
	})
}

// When nothing was ever answered, what is refused for no text of its own is the
// set-up's fault, and ends the run; once something was, it is a row's.
func TestRefusedAll(t *testing.T) {
	for name, c := range map[string]struct{ answered, rows, code int }{
		"all": {0, 5, fault.Config}, "too few to tell": {0, 2, fault.Permanent}, "all but one": {1, 5, fault.Permanent},
	} {
		inLab(t, name, func(t *testing.T, l *lab) {
			l.api.Fate = func(_, i int) string {
				if i < c.answered {
					return ""
				}
				return "400"
			}
			p := l.start()
			failed := 0
			for _, err := range p.all(t.Context(), t, "q", c.rows) {
				if err != nil {
					failed++
					if fault.Code(err) != c.code {
						t.Errorf("exit code %d, want %d: %v", fault.Code(err), c.code, err)
					}
				}
			}
			if failed != c.rows-c.answered {
				t.Errorf("%d failed", failed)
			}
			p.stop(t)
			l.batches(1, 0)
		})
	}
}

// A request that never has an answer while others do fails alone, and ends no run.
func TestNeverAnsweredAlone(t *testing.T) {
	for fate, silent := range map[string]bool{"503": true, "500": true, "429": false} {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t)
			l.api.Fate = func(batch, i int) string {
				if batch > 0 || i == 0 {
					return fate
				}
				return ""
			}
			p := l.start()
			failed := 0
			for _, err := range p.all(t.Context(), t, "q", 3) {
				if err == nil {
					continue
				}
				failed++
				if e, ok := errors.AsType[*llm.Error](err); !ok || e.Silent() != silent || !silent && fault.Code(err) != fault.Temporary {
					t.Errorf("%s: %v", fate, err)
				}
			}
			p.stop(t)
			if failed != 1 || l.api.Count() != maxTries {
				t.Errorf("%s: %d failed, in %d batches", fate, failed, l.api.Count())
			}
		})
	}
}

// A line that was denied ends the run that waited for it. One that comes later
// asks that line anew, and uses the others.
func TestDeniedLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.api.Fate = func(batch, i int) string {
			if batch == 0 && i == 3 {
				return "401"
			}
			return ""
		}
		p := l.start()
		denied := 0
		for _, err := range p.all(t.Context(), t, "q", 10) {
			if fault.Code(err) == fault.Config {
				denied++
			} else if err != nil {
				t.Error(err)
			}
		}
		if denied != 1 {
			t.Errorf("%d were denied", denied)
		}
		p.kill()
		l.answers(10, 2)
	})
}

// A batch that only refuses again what was refused before has told all it can.
func TestRefusedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.refusedRuns(2)
		l.answers(4, 3)
	})
}
