package report

import (
	"context"
	"fmt"
	"slices"

	"github.com/gymline/gymline/internal/job"
	page "github.com/gymline/gymline/internal/report"
	"github.com/gymline/gymline/internal/text"
	"github.com/gymline/gymline/internal/trace"
)

// What a page holds of the judged traces, so that it opens in a moment whatever
// the benchmark's size.
const (
	maxTraces = 3
	maxTurns  = 40
	maxText   = 500 // letters of an event, proposal or reason
)

// samples lays every candidate's answers to the first traces side by side.
func samples(ctx context.Context, t *job.Task, d *page.Data) error {
	if !t.Has("judged") {
		return nil
	}
	s := &page.Samples{}
	at := map[string]int{} // trace ID → index in s.Traces, or -1 when left out
	which := ""
	err := job.Each(ctx, t, "judged", func(_ int, j *trace.JudgedTrace) error {
		s.Simulated = s.Simulated || j.Simulated
		if j.Repeat > 0 {
			which = " the first time"
			return nil
		}
		i, seen := at[j.Trace.ID]
		if !seen {
			i = -1
			if len(s.Traces) < maxTraces {
				i = len(s.Traces)
				s.Traces = append(s.Traces, sampleOf(&j.Trace))
			}
			at[j.Trace.ID] = i
		}
		if i >= 0 {
			answer(&s.Traces[i], j)
		}
		return nil
	})
	if err != nil || len(s.Traces) == 0 {
		return err
	}
	s.Note = fmt.Sprintf("What every candidate did after each event%s, and the verdict. The page holds the first %d of %d traces, at most %d events of each and %d letters of a text; judged.jsonl has them all.",
		which, len(s.Traces), len(at), maxTurns, maxText)
	d.Samples = s
	return nil
}

func sampleOf(t *trace.Trace) page.SampleTrace {
	s := page.SampleTrace{ID: t.ID, Domain: t.Domain, Cut: max(len(t.Turns)-maxTurns, 0)}
	for _, turn := range t.Turns[:min(len(t.Turns), maxTurns)] {
		s.Turns = append(s.Turns, page.SampleTurn{Time: turn.Event.Time, Event: text.Clip(turn.Event.Text, maxText)})
	}
	return s
}

func answer(s *page.SampleTrace, j *trace.JudgedTrace) {
	for i := range s.Turns {
		if i >= len(j.Trace.Turns) {
			return
		}
		turn := &j.Trace.Turns[i]
		a := page.Answer{Candidate: j.Candidate}
		for _, p := range turn.Proposals {
			a.Proposals = append(a.Proposals, text.Clip(p, maxText))
		}
		if v := turn.Judgement; v != nil {
			a.Outcome, a.Score, a.Reason = outcome(len(turn.Proposals) > 0, v.Accepted), v.Score, text.Clip(v.Reason, maxText)
		}
		switch {
		case slices.Contains(j.Unanswered, i):
			a.Note = "No answer was recorded; it counts as silence."
		case slices.Contains(j.Failed, i):
			a.Note = "The answer stayed malformed; it counts as silence."
		}
		s.Turns[i].Answers = append(s.Turns[i].Answers, a)
	}
}

// outcome names the cell of the confusion matrix, as package metrics defines it.
func outcome(proposed, accepted bool) string {
	switch {
	case proposed && accepted:
		return "TP"
	case proposed:
		return "FP"
	case accepted:
		return "TN"
	}
	return "FN"
}
