package report

import (
	"context"
	"errors"
	"fmt"

	"github.com/gymline/gymline/internal/job"
	page "github.com/gymline/gymline/internal/report"
	"github.com/gymline/gymline/internal/text"
	"github.com/gymline/gymline/internal/trace"
)

// maxSessions bounds the sessions that a page is picked from: a gym may have millions.
const maxSessions = 200

// Why a session is worth reading.
var sessionReasons = []reason{
	{"rejected", "most offers rejected", "offer"},
	{"missed", "help missed most often", "event"},
	{"failed", "most operations that failed", "operation"},
	{"cut", "cut off before the goal", "event"},
}

var errEnough = errors.New("enough sessions")

// sessions shows some of the gym's, each as the page shows traces.
func sessions(ctx context.Context, t *job.Task, d *page.Data) error {
	if !t.Has("episodes") {
		return nil
	}
	s := &page.Samples{}
	var list []*found
	laid := map[*found]page.SampleTrace{}
	err := job.Each(ctx, t, "episodes", func(_ int, e *trace.Episode) error {
		s.Simulated = s.Simulated || e.Simulated
		f, shown := lay(e)
		list, laid[f] = append(list, f), shown
		if len(list) == maxSessions {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) || len(list) == 0 {
		return err
	}
	for _, p := range pick(list, sessionReasons) {
		shown := laid[p.found]
		shown.Why = p.why
		s.Traces = append(s.Traces, shown)
	}
	of := "all " + text.Plural(len(list), "session")
	if len(list) == maxSessions {
		of = "the first " + text.Plural(len(list), "session")
	}
	s.Note = fmt.Sprintf("What the agent did after each event, and what the user of the gym made of it. The page holds %d of %s, picked by what is worth reading, at most %d events of each and %d letters of a text; episodes.jsonl has them all, and gymline sessions reads them.",
		len(s.Traces), of, maxTurns, maxText)
	d.Sessions = s
	return nil
}

// lay counts what makes a session worth reading, and lays it out.
func lay(e *trace.Episode) (*found, page.SampleTrace) {
	f := &found{id: e.ID, domain: e.Domain, counts: map[string]int{}}
	shown := page.SampleTrace{ID: e.ID, Domain: e.Domain}
	fill(&shown, &e.Trace)
	if e.End != "goal" {
		f.counts["cut"] = len(e.Turns)
	}
	for i := range e.Turns {
		turn := &e.Turns[i]
		a := answerOf("agent", turn)
		switch a.Outcome {
		case "FP":
			f.counts["rejected"]++
		case "FN":
			f.counts["missed"]++
		}
		failed := 0
		for _, op := range turn.Execution {
			if !op.OK {
				failed++
			}
		}
		f.counts["failed"] += failed
		if n := len(turn.Execution); n > 0 {
			a.Note = text.Plural(n, "operation") + " carried out"
			if failed > 0 {
				a.Note += ", " + text.Count(failed) + " failed"
			}
			a.Note += "."
		}
		if i < len(shown.Turns) {
			shown.Turns[i].Answers = []page.Answer{a}
		}
	}
	return f, shown
}
