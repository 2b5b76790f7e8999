package batch

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/sim/simtest"
)

// A provider that refuses a file names its bad lines: they fail, and the others
// are asked.
func TestRefusedLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.refusesFiles(1, simtest.Problem{Code: "invalid_request", Message: "no", Line: 1}, simtest.Problem{Code: "invalid_request", Message: "no", Line: 5})
		p := l.start()
		failed := 0
		for _, err := range p.all(t.Context(), t, "q", 10) {
			if e, ok := errors.AsType[*llm.Error](err); ok && e.Class == llm.Refused {
				failed++
			} else if err != nil {
				t.Error(err)
			}
		}
		p.stop(t)
		l.billed(8, 8)
		if failed != 2 {
			t.Errorf("%d rows failed", failed)
		}
	})
}

// A batch that is refused whole ends the run, unless the account's queue is only
// full for now: then smaller batches follow.
func TestRefusedWhole(t *testing.T) {
	for code, want := range map[string]int{"insufficient_quota": fault.Config, "model_not_supported": fault.Config, queueFull: fault.OK} {
		inLab(t, code, func(t *testing.T, l *lab) {
			l.refusesFiles(1, simtest.Problem{Code: code, Message: "no"})
			p := l.start()
			for _, err := range p.all(t.Context(), t, "q", 10) {
				if fault.Code(err) != want {
					t.Errorf("%v", err)
				}
			}
			p.stop(t)
			batches := 1
			if want == fault.OK {
				batches = 3 // the whole, and two halves
			}
			if l.api.Count() != batches {
				t.Errorf("%d batches", l.api.Count())
			}
		})
	}
}

// The verdict on a refused batch ends the runs that waited for it, and no later
// one: each asks anew, and is told anew.
func TestRefusedThenMended(t *testing.T) {
	for _, code := range []string{"insufficient_quota", "model_not_supported"} {
		for name, end := range map[string]func(*process, *testing.T){"stopped": (*process).stop, "killed": func(p *process, _ *testing.T) { p.kill() }} {
			inLab(t, code+" "+name, func(t *testing.T, l *lab) {
				l.refusesFiles(2, simtest.Problem{Code: code, Message: "no"})
				for run := range 2 {
					p := l.start()
					p.ends(t.Context(), t, 4, fault.Config)
					end(p, t)
					l.batches(run+1, 0)
				}
				l.answers(4, 3)
			})
		}
	}
}

// A batch that was refused while nobody waited says nothing to the run that finds
// it: neither does the run end, nor does a row fail.
func TestRefusedBefore(t *testing.T) {
	for name, problem := range map[string]simtest.Problem{
		"no credit": {Code: "insufficient_quota"}, "full queue": {Code: queueFull}, "a line": {Code: "invalid_request", Line: 2},
	} {
		inLab(t, name, func(t *testing.T, l *lab) {
			l.refusesFiles(1, problem)
			l.leaves(4)
			l.batches(1, 1)
			l.answers(4, 2)
		})
	}
}

// A process is killed while it waits for the account's queue: the refused batch
// is closed by then.
func TestKilledHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.refusesFiles(1, simtest.Problem{Code: queueFull, Message: "no"})
		p := l.start()
		ctx, cancel := context.WithTimeout(t.Context(), heldBack/2*poll)
		defer cancel()
		p.all(ctx, t, "q", 4)
		p.kill()
		l.batches(1, 0)
		l.answers(4, 2)
	})
}
