package series

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/drift"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// A Line is a candidate's scores in the order of time.
type Line struct {
	Candidate string  `json:"candidate"`
	Points    []Point `json:"points"`
}

// A Point is a run on a candidate's line. One without a score is a gap: the run failed,
// was cut off, is under way, or did not score this candidate.
type Point struct {
	Run     store.RunID `json:"run"`
	Created string      `json:"created"`
	AsOf    string      `json:"asOf,omitempty"`
	State   string      `json:"state"` // the standing
	// ContinuedBy is who went on with it.
	ContinuedBy store.RunID `json:"continuedBy,omitempty"`
	Score       *run.Scored `json:"score,omitempty"`
	// Change is F1 less that of the last point before that has a score.
	Change   *float64 `json:"change,omitempty"`
	Judge    string   `json:"judge,omitempty"` // its kind, and its model where it is one
	JudgedBy []string `json:"judgedBy,omitempty"`
	USD      float64  `json:"usd"`
	// News is what is another than at the last point with a score: the models, as their
	// provider named them, or the number of events.
	News []string `json:"news,omitempty"`
	Tags []string `json:"tags,omitempty"`
	// Drift is what the series says on this night; nil of a run that is no night of its
	// own, and where no drift is watched for.
	Drift *drift.State `json:"drift,omitempty"`
	Note  string       `json:"note,omitempty"`
}

// When is the occasion of a point, or the time that its run opened.
func (p *Point) When() string {
	if p.AsOf != "" {
		return p.AsOf
	}
	return p.Created
}

// Lines are the candidates' lines over nights in the order of time, of the candidates
// that any of them scored, the ones of the last first.
func Lines(nights []Night) []Line {
	var names []string
	for i := len(nights) - 1; i >= 0; i-- {
		if s := nights[i].Scores(); s != nil {
			for _, c := range s.Candidates {
				if !slices.Contains(names, c.Name) {
					names = append(names, c.Name)
				}
			}
		}
	}
	lines := make([]Line, len(names))
	for i, name := range names {
		lines[i] = lineOf(name, nights)
	}
	return lines
}

func lineOf(name string, nights []Night) Line {
	line := Line{Candidate: name}
	var before *Night // the last with a score
	found := Drift(nights, name)
	for i := range nights {
		n := &nights[i]
		if n.State == store.Succeeded && n.Summary != nil && n.Summary.Scores == nil {
			continue // it had nothing to score
		}
		p := Point{Run: n.ID, Created: n.Created, State: n.Standing, ContinuedBy: n.ContinuedBy, Score: n.Candidate(name), Tags: n.Tags}
		if n.Summary != nil {
			p.AsOf, p.USD = n.Summary.AsOf, n.Summary.USD
		}
		if s, watched := found[n.ID]; watched {
			p.Drift = &s
		}
		if n.Note != nil {
			p.Note = n.Note.Text
		}
		if p.Score != nil {
			s := n.Scores()
			p.Judge, p.JudgedBy = strings.TrimSpace(s.Judge+" "+s.JudgeModel), s.JudgedBy
			if before != nil {
				change := p.Score.F1 - before.Candidate(name).F1
				p.Change, p.News = &change, News(name, before, n)
			}
			before = n
		}
		line.Points = append(line.Points, p)
	}
	return line
}

// News is what two runs that scored a candidate have not in common that its score
// depends on: models, as their provider named them, the judge, prompts and events.
func News(name string, a, b *Night) (list []string) {
	said := func(what string, was, is []string) {
		if !slices.Equal(was, is) {
			list = append(list, fmt.Sprintf("%s %s (was %s)", what, orNobody(is), orNobody(was)))
		}
	}
	said("answered by", a.Candidate(name).AnsweredBy, b.Candidate(name).AnsweredBy)
	was, is := a.Scores(), b.Scores()
	if was.Judge != is.Judge || was.JudgeModel != is.JudgeModel {
		said("judge", []string{strings.TrimSpace(was.Judge + " " + was.JudgeModel)}, []string{strings.TrimSpace(is.Judge + " " + is.JudgeModel)})
	}
	said("judged by", was.JudgedBy, is.JudgedBy)
	said("prompt", prompt(a.Candidate(name).Prompt), prompt(b.Candidate(name).Prompt))
	said("judge's prompt", prompt(was.JudgePrompt), prompt(is.JudgePrompt))
	if was.Events != is.Events || was.Traces != is.Traces {
		list = append(list, fmt.Sprintf("%d events in %d traces (was %d in %d)", is.Events, is.Traces, was.Events, was.Traces))
	}
	return list
}

func prompt(p *plan.PromptName) []string {
	if p == nil {
		return []string{"the built-in one"}
	}
	return []string{p.String()}
}

func orNobody(models []string) string {
	if len(models) == 0 {
		return "no model that was heard"
	}
	return strings.Join(models, ", ")
}

// Scores lists the F1 of points that have one.
func (l *Line) Scores() (list []float64) {
	for _, p := range l.Points {
		if p.Score != nil {
			list = append(list, p.Score.F1)
		}
	}
	return list
}

// Watched reports whether drift is watched for on any of a line's nights.
func (l *Line) Watched() bool {
	return slices.ContainsFunc(l.Points, func(p Point) bool { return p.Drift != nil })
}
