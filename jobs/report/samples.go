package report

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gymline/gymline/internal/job"
	page "github.com/gymline/gymline/internal/report"
	"github.com/gymline/gymline/internal/text"
	"github.com/gymline/gymline/internal/trace"
)

// Why a benchmark's trace is worth reading.
var traceReasons = []reason{
	{"disputed", "most disputed", "event"},
	{"failed", "most answers that stayed malformed", "answer"},
	{"wrong", "most often wrong", "answer"},
}

// A survey is what all candidates did with one trace.
type survey struct {
	found
	first    []string // outcome of the first candidate, by turn
	disputed []bool
}

// samples lays every candidate's answers to some traces side by side: the most disputed,
// those with failures, and one of each domain.
func samples(ctx context.Context, t *job.Task, d *page.Data) error {
	if !t.Has("judged") {
		return nil
	}
	s := &page.Samples{}
	all, which, err := surveys(ctx, t, s)
	if err != nil || len(all) == 0 {
		return err
	}
	list := make([]*found, len(all))
	at := map[string]int{} // trace ID → index in s.Traces
	of := map[string]*survey{}
	for i, v := range all {
		list[i], of[v.id] = &v.found, v
	}
	for i, p := range pick(list, traceReasons) {
		at[p.id] = i
		s.Traces = append(s.Traces, page.SampleTrace{ID: p.id, Domain: p.domain, Why: p.why})
	}
	err = job.Each(ctx, t, "judged", func(_ int, j *trace.JudgedTrace) error {
		i, ok := at[j.Trace.ID]
		if !ok || j.Repeat > 0 {
			return nil
		}
		if s.Traces[i].Turns == nil {
			fill(&s.Traces[i], &j.Trace)
			for n := range s.Traces[i].Turns {
				s.Traces[i].Turns[n].Disputed = of[j.Trace.ID].disputed[n]
			}
		}
		answer(&s.Traces[i], j)
		return nil
	})
	s.Note = fmt.Sprintf("What every candidate did after each event%s, and the verdict; candidates that did the same share a line. The page holds %d of %d traces, picked by what is worth reading, at most %d events of each and %d letters of a text; judged.jsonl has them all.",
		which, len(s.Traces), len(all), maxTurns, maxText)
	d.Samples = s
	return err
}

// surveys goes through all answers, and says whether there are repeats.
func surveys(ctx context.Context, t *job.Task, s *page.Samples) (all []*survey, which string, err error) {
	byID := map[string]*survey{}
	err = job.Each(ctx, t, "judged", func(_ int, j *trace.JudgedTrace) error {
		s.Simulated = s.Simulated || j.Simulated
		if j.Repeat > 0 {
			which = " the first time"
			return nil
		}
		v := byID[j.Trace.ID]
		if v == nil {
			v = &survey{found: found{id: j.Trace.ID, domain: j.Trace.Domain, counts: map[string]int{}}, disputed: make([]bool, len(j.Trace.Turns))}
			byID[j.Trace.ID], all = v, append(all, v)
		}
		v.add(j)
		return nil
	})
	return all, which, err
}

func (v *survey) add(j *trace.JudgedTrace) {
	v.counts["failed"] += len(j.Failed)
	first := v.first == nil
	for i := range j.Trace.Turns {
		turn := &j.Trace.Turns[i]
		o := ""
		if turn.Judgement != nil {
			o = outcome(len(turn.Proposals) > 0, turn.Judgement.Accepted)
		}
		if o == "FP" || o == "FN" {
			v.counts["wrong"]++
		}
		switch {
		case first:
			v.first = append(v.first, o)
		case i < len(v.first) && o != v.first[i] && !v.disputed[i]:
			v.disputed[i] = true
			v.counts["disputed"]++
		}
	}
}

// fill lays a trace's events out.
func fill(s *page.SampleTrace, t *trace.Trace) {
	s.Cut = max(len(t.Turns)-maxTurns, 0)
	for _, turn := range t.Turns[:min(len(t.Turns), maxTurns)] {
		s.Turns = append(s.Turns, page.SampleTurn{Time: clock(turn.Event.Time), Event: text.Clip(turn.Event.Text, maxText)})
	}
}

// clock writes unix seconds as a time of day; all else is readable as it is.
func clock(at string) string {
	const early = 1e8 // before 1973 it is a count of seconds, and no date
	v, err := strconv.ParseFloat(at, 64)
	if err != nil || v < early || v > 1e11 {
		return at
	}
	return time.UnixMilli(int64(v * 1000)).UTC().Format("2006-01-02 15:04:05")
}

func answer(s *page.SampleTrace, j *trace.JudgedTrace) {
	for i := range s.Turns {
		if i >= len(j.Trace.Turns) {
			return
		}
		a := answerOf(j.Candidate, &j.Trace.Turns[i])
		switch {
		case slices.Contains(j.Unanswered, i):
			a.Note = "No answer was recorded; it counts as silence."
		case slices.Contains(j.Failed, i):
			a.Note = "The answer stayed malformed; it counts as silence."
		}
		s.Turns[i].Answers = join(s.Turns[i].Answers, a)
	}
}

// join adds an answer, or its candidate to those who did the same.
func join(list []page.Answer, a page.Answer) []page.Answer {
	for i := range list {
		if list[i].Same(a) {
			list[i].Candidate += ", " + a.Candidate
			return list
		}
	}
	return append(list, a)
}

func answerOf(who string, turn *trace.Turn) page.Answer {
	a := page.Answer{Candidate: who}
	for _, p := range turn.Proposals {
		a.Proposals = append(a.Proposals, text.Clip(p, maxText))
	}
	if v := turn.Judgement; v != nil {
		a.Outcome, a.Score, a.Reason = outcome(len(turn.Proposals) > 0, v.Accepted), v.Score, text.Clip(v.Reason, maxText)
	}
	return a
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
