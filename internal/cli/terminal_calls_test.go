package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/progress"
)

// The batch that is waited for is named, with how far it is; a provider's words
// stay on their line.
func TestBatchesOf(t *testing.T) {
	for want, b := range map[string]llm.Batches{
		"waiting for a batch (sending its file), 0 of 40 done":              {Open: 1, Requests: 40, State: "sending its file"},
		"waiting for batch b_1 (in_progress), 3 of 40 done":                 {Open: 1, Requests: 40, Done: 3, Oldest: "b_1", State: "in_progress"},
		"waiting for batch b_1, 0 of 40 done":                               {Open: 1, Requests: 40, Oldest: "b_1"},
		"waiting for 3 batches, first b_1 (completed), 1,003 of 1,200 done": {Open: 3, Requests: 1200, Done: 1003, Oldest: "b_1", State: "completed"},
		"waiting for 2 batches, 0 of 2 done":                                {Open: 2, Requests: 2},
		`waiting for batch b\n1 (in\npredict: succeeded), 0 of 1 done`:      {Open: 1, Requests: 1, Oldest: "b\n1", State: "in\npredict: succeeded"},
	} {
		if got := batchesOf(b); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// What is answered and not judged yet is told, and half of the bar is for it.
func TestAnsweredIsSaid(t *testing.T) {
	s, start := newStepView("predict"), time.Unix(1000, 0)
	s.take(state("predict", 0, progress.Running), start)
	for _, at := range []struct {
		answered, done int64
		want           string
		filled         int
	}{
		{0, 0, "", 0}, {200, 0, "200 answered", 4}, {400, 0, "400 answered", 8}, {400, 200, "400 answered", 12}, {400, 400, "", 16}, {0, 200, "", 8},
	} {
		e := counts("predict", 0, at.done, 400, 0, 1)
		e.Answered = at.answered
		s.take(e, start)
		got := ""
		for _, d := range calls(s, start) {
			if d.plain {
				got += d.text
			}
		}
		line := (&Terminal{opts: TerminalOptions{Now: func() time.Time { return start }}}).cells(s, start)
		if filled := strings.Count(line[colBar].text, "━"); got != at.want || filled != at.filled {
			t.Errorf("%d answered and %d done: %q and %d, want %q and %d", at.answered, at.done, got, filled, at.want, at.filled)
		}
	}
}

// A provider that says nothing is told of while calls to it are in flight, until
// one of them ends.
func TestSilenceIsSaid(t *testing.T) {
	s, start := newStepView("predict"), time.Unix(1000, 0)
	s.take(state("predict", 0, progress.Running), start)
	said := func(after time.Duration, inFlight, ended int64) string {
		e := counts("predict", 0, 0, 40, 0, ended)
		e.InFlight = inFlight
		s.take(e, start.Add(after))
		for _, d := range calls(s, start.Add(after)) {
			if strings.HasPrefix(d.text, "no answer") {
				return d.text
			}
		}
		return ""
	}
	for _, at := range []struct {
		after           time.Duration
		inFlight, ended int64
		want            string
	}{
		{0, 0, 0, ""}, {time.Minute, 0, 0, ""}, {61 * time.Second, 2, 0, ""}, {89 * time.Second, 2, 0, ""}, {105 * time.Second, 2, 0, "no answer for 45s"},
		{5 * time.Minute, 2, 0, "no answer for 4m00s"}, {6 * time.Minute, 2, 1, ""}, {7 * time.Minute, 2, 1, "no answer for 1m00s"}, {8 * time.Minute, 0, 1, ""},
	} {
		if got := said(at.after, at.inFlight, at.ended); got != at.want {
			t.Errorf("after %v: %q, want %q", at.after, got, at.want)
		}
	}
}
