package series

import (
	"github.com/gymline/gymline/internal/drift"
	"github.com/gymline/gymline/internal/store"
)

// Drift returns what the series says of a candidate on each night that counts, by run.
// Nights that count are those of Before: an occasion that was fired again counts once, with
// its last run. It is nil of a series in which no drift is watched for.
func Drift(nights []Night, candidate string) map[store.RunID]drift.State {
	return states(occasions(nights), candidate)
}

// DriftOf is what the series up to a run says of its candidate; nil where no drift is
// watched for in it.
func DriftOf(before []*Night, n *Night, candidate string) *drift.State {
	found := states(append(before[:len(before):len(before)], n), candidate)
	if s, watched := found[n.ID]; watched {
		return &s
	}
	return nil
}

func states(nights []*Night, candidate string) map[store.RunID]drift.State {
	var measured []drift.Night
	var runs []store.RunID
	for _, n := range nights {
		if m, watched := measure(n, candidate); watched {
			measured, runs = append(measured, m), append(runs, n.ID)
		}
	}
	found := map[store.RunID]drift.State{}
	for i, s := range drift.Watch(candidate, measured) {
		found[runs[i]] = s
	}
	return found
}

// mostUnjudged is the share of anchors without a verdict from which a night says nothing of its
// judge: a share of the few that were judged would have an extreme rank for no other reason.
const mostUnjudged = 0.1

// measure is what a night measured of a candidate. The frozen answers themselves are not
// watched.
func measure(n *Night, candidate string) (m drift.Night, watched bool) {
	c := n.Candidate(candidate)
	if c == nil || n.Scores().Watched == nil || n.Scores().Watched.Frozen == candidate {
		return m, false
	}
	w := n.Scores().Watched
	m = drift.Night{
		Name: string(n.ID), Failed: w.Failed[candidate], AnsweredBy: c.AnsweredBy, JudgedBy: n.Scores().JudgedBy,
		Basis: string(w.Bases[candidate]), Anchored: string(w.Anchored), Digest: string(w.Model), Among: len(w.Bases),
	}
	if frozen := n.Candidate(w.Frozen); frozen != nil {
		score := c.F1 - frozen.F1
		m.Score = &score
	}
	if a := w.Anchors; a != nil && a.Rows > 0 && float64(a.Unjudged) <= mostUnjudged*float64(a.Rows+a.Unjudged) {
		accepted, agreed := float64(a.Accepted)/float64(a.Rows), float64(a.Agreed)/float64(a.Rows)
		m.Accepted, m.Agreed = &accepted, &agreed
	}
	return m, true
}
