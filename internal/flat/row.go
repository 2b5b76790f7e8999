package flat

import (
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

func turnOf(id store.RunID, e *trace.Episode, i int) Turn {
	t := &e.Turns[i]
	row := Turn{
		Run: id, Session: e.ID, Scene: e.Scene, Domain: e.Domain, Turn: i, Turns: len(e.Turns), End: e.End, Time: t.Event.Time, Event: t.Event.Text,
		Actor: t.Actor, Activity: t.Activity, Failure: t.Failure, Proposals: len(t.Proposals), Offer: offer(t),
		Operations: len(t.Execution), Excluded: present(t.Excluded), Simulated: e.Simulated,
	}
	for _, o := range t.Execution {
		if !o.OK {
			row.OperationsFailed++
		}
	}
	if j := t.Judgement; j != nil {
		row.Accepted, row.HelpNeeded, row.Reason = &j.Accepted, j.HelpNeeded, present(j.Reason)
	}
	return row
}

func eventOf(id store.RunID, line *trace.JudgedTrace, i int) Event {
	t := &line.Trace.Turns[i]
	row := Event{
		Run: id, Candidate: line.Candidate, Repeat: line.Repeat, Trace: line.Trace.ID, Domain: line.Trace.Domain, Turn: i, Time: t.Event.Time, Event: t.Event.Text,
		Proposals: len(t.Proposals), Offer: offer(t), Unanswered: slices.Contains(line.Unanswered, i), Failed: slices.Contains(line.Failed, i),
		Judge: line.Judge, JudgeModel: present(line.JudgeModel), AnsweredBy: present(strings.Join(line.AnsweredBy, " ")),
		JudgedBy: present(strings.Join(line.JudgedBy, " ")), Simulated: line.Simulated,
	}
	if j := t.Judgement; j != nil {
		row.Accepted, row.HelpNeeded, row.Score, row.Reason = &j.Accepted, j.HelpNeeded, j.Score, present(j.Reason)
		outcome := outcomeOf(len(t.Proposals) > 0, j.Accepted)
		row.Outcome = &outcome
	}
	return row
}

func outcomeOf(proposed, accepted bool) string {
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

// verdicts are the rows of a trace that a judge ruled on, those that are excluded from
// training too: a verdict is one all the same. of is what the benchmark's are of.
func verdicts(id store.RunID, source string, of *trace.JudgedTrace, tr *trace.Trace, fn func(any) error) error {
	all := *tr
	all.Turns = slices.Clone(tr.Turns)
	for i := range all.Turns {
		all.Turns[i].Excluded = ""
	}
	for i := range all.Turns {
		one := trace.Trace{ID: tr.ID, Domain: tr.Domain, Turns: all.Turns[i : i+1]}
		t := &all.Turns[i]
		for k, j := range one.Judged(source, "") {
			name := trace.TurnID(tr.ID, i) + strings.TrimPrefix(j.ID, trace.TurnID(tr.ID, 0))
			row := Verdict{
				Run: id, Source: source, ID: name, Trace: tr.ID, Domain: tr.Domain, Turn: i, Event: t.Event.Text,
				Offer: j.Task, Accepted: j.Accepted, HelpNeeded: t.Judgement.HelpNeeded,
			}
			if of != nil {
				row.Candidate, row.Repeat, row.ID = &of.Candidate, &of.Repeat, trace.AnswerID(of.Candidate, name, of.Repeat)
			}
			if rows, _ := t.Rows(); k == rows-1 { // the judgement's own words are of the last
				row.Score, row.Reason = t.Judgement.Score, present(t.Judgement.Reason)
			}
			if err := fn(row); err != nil {
				return err
			}
		}
	}
	return nil
}

// offer is the proposal of a turn that was accepted, else the first; nil of silence.
func offer(t *trace.Turn) *string {
	if len(t.Proposals) == 0 {
		return nil
	}
	if j := t.Judgement; j != nil && j.Task != nil && *j.Task >= 0 && *j.Task < len(t.Proposals) {
		return &t.Proposals[*j.Task]
	}
	return &t.Proposals[0]
}

// present is nil of an empty text.
func present(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
