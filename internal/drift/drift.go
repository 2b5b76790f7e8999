// Package drift tells a change from noise in a series of nights, and says whose it is.
//
// On every night the judge of that night rules on three sets: the night's own answers, the
// frozen answers of a baseline, and anchors, rows that people labelled. Three numbers
// follow: the score of the night's answers less that of the frozen ones, in which a changed
// judge cancels to first order; the share of anchors that the judge accepts; and the share
// on which it agrees with people.
//
// Each number is tested by ranks: were all nights alike, any order of them would be as
// likely, so that the sum of the ranks of the last h nights has a distribution that is
// known exactly, whatever the noise. An alarm is a sum so low that all windows, nights and
// tests of a year together give one by chance in at most 5 of 100 years. That holds for
// nights that do not depend on each other, and not for noise that lasts for days. A judge
// that changes hides a candidate that changes on the same nights.
//
// Everything here is a pure function of the nights up to the one in question: a later night
// changes no verdict.
package drift

import "slices"

// The verdicts of a night.
const (
	None     = "none"
	System   = "system"   // the candidate's answers are worse
	Judge    = "judge"    // the judge decides otherwise
	Provider = "provider" // the answers are worse since the provider serves another version, or fails more
)

// guard is for how many nights after its alarm a worse candidate may turn out to be
// another judge, whose own alarm came later.
const guard = 5

// A Night is what was measured on one. Numbers that were not are nil.
type Night struct {
	Name string
	// Score is a candidate's less that of the frozen answers, both by the night's judge.
	Score *float64
	// Accepted and Agreed are shares of anchors: that the judge accepts, and on which
	// it agrees with people.
	Accepted, Agreed *float64
	// Among is how many candidates are watched together, who share the budget of false
	// alarms.
	Among int
	// Failed is the share of the candidate's answers that could not be used.
	Failed float64
	// AnsweredBy and JudgedBy are the versions that providers reported.
	AnsweredBy, JudgedBy []string
	// Basis and Anchored are all that was chosen: what the score, and what the anchors'
	// shares depend on by intention. Where one is another, the watch starts anew.
	Basis, Anchored string
	// Digest is that of a judge which is known by it.
	Digest string
}

// A State is what a series says on a night.
type State struct {
	Verdict string `json:"verdict"`
	// Evidence is why, in words; of none, how far the watch is.
	Evidence []string `json:"evidence,omitempty"`
	// Provisional is for how many more nights an alarm of the judge would say that it
	// was the judge all along.
	Provisional int `json:"provisional,omitempty"`
	// Renames is the night whose alarm this is the cause of.
	Renames string `json:"renames,omitempty"`
	// Nights are those that the night stands among, since the watch started anew.
	Nights int `json:"nights"`
	// P is the chance of the rank sum, where one alarmed.
	P float64 `json:"p,omitempty"`
}

// A watch is a series as far as it is read.
type watch struct {
	name    string
	score   test
	anchors [3]test // accepted, rejected, agreed
	nights  []Night
	from    int    // since when the score is watched
	alarmed string // the night of an alarm that the judge may still have caused
	left    int    // for so many nights
}

// Watch returns the states of a candidate's nights, which are in the order of time.
func Watch(name string, nights []Night) []State {
	w := &watch{name: name}
	w.anewScore()
	w.anewAnchors()
	states := make([]State, len(nights))
	for i := range nights {
		states[i] = w.night(&nights[i])
	}
	return states
}

func (w *watch) anewScore() {
	w.score, w.from = test{}, len(w.nights)
}

func (w *watch) anewAnchors() {
	w.anchors = [3]test{{limit: limitOf(budgetAccepted)}, {limit: limitOf(budgetAccepted)}, {limit: limitOf(budgetAgreed)}}
}

// night reads the next night.
func (w *watch) night(n *Night) (s State) {
	known := w.anew(n)
	w.left = max(0, w.left-1)
	if known != "" {
		w.judge(&s, known)
	}
	w.nights = append(w.nights, *n)
	worse, judged := w.measure(n)
	s.Nights = max(len(w.score.values), len(w.anchors[0].values))
	switch {
	case known != "": // the night is the first of the new judge
	case len(judged) > 0:
		if s.P = judged[0].p; worse != nil {
			s.Evidence = append(s.Evidence, w.worse(worse))
		}
		w.judge(&s, append(sayAnchors(judged), w.since("judged by", judged[0].window, func(n *Night) []string { return n.JudgedBy })...)...)
	case worse != nil:
		w.drop(&s, n, worse)
	default:
		s.Verdict, s.Evidence = None, w.quiet(n)
	}
	return s
}

// drop ends a night on which a worse score is no chance.
func (w *watch) drop(s *State, n *Night, f *found) {
	s.Verdict, s.P, s.Evidence = System, f.p, []string{w.worse(f)}
	if why := w.provider(f); len(why) > 0 {
		s.Verdict, s.Evidence = Provider, append(s.Evidence, why...)
	}
	if n.Accepted != nil {
		s.Provisional, w.alarmed, w.left = guard, n.Name, guard+1
	} else if n.Digest == "" {
		s.Evidence = append(s.Evidence, "there are no anchors, so that a judge which changed on these answers alone is not told apart")
	}
	w.anewScore()
}

// judge ends a night on which the judge is found to be another.
func (w *watch) judge(s *State, why ...string) {
	s.Verdict, s.Evidence = Judge, append(s.Evidence, why...)
	if w.left > 0 {
		s.Renames = w.alarmed
	}
	w.left = 0
	w.anewScore()
	w.anewAnchors()
}

// measure hands a night's numbers to the tests, and returns what alarms.
func (w *watch) measure(n *Night) (worse *found, judged []*found) {
	if w.score.limit = limitOf(budgetScore / float64(max(1, n.Among))); n.Score != nil {
		worse = w.score.add(*n.Score)
	}
	if n.Accepted == nil || n.Agreed == nil {
		return worse, nil
	}
	for i, x := range []float64{*n.Accepted, -*n.Accepted, *n.Agreed} {
		if f := w.anchors[i].add(x); f != nil {
			f.which = i
			judged = append(judged, f)
		}
	}
	return worse, judged
}

// anew starts the watch anew where what is measured is another by intention or a year is
// over, and says so of a judge that is known by its digest.
func (w *watch) anew(n *Night) (judge string) {
	if len(w.nights) == 0 {
		return ""
	}
	last := &w.nights[len(w.nights)-1]
	if n.Basis != last.Basis || len(w.score.values) >= horizon {
		w.anewScore()
		w.left = 0
	}
	if n.Anchored != last.Anchored || len(w.anchors[0].values) >= horizon {
		w.anewAnchors()
		w.left = 0
	}
	if n.Basis == last.Basis && n.Digest != "" && last.Digest != "" && n.Digest != last.Digest {
		return "the judge is another by its digest: " + short(n.Digest) + " (was " + short(last.Digest) + ")"
	}
	return ""
}

// Names returns the verdict that holds of each night once all are read: that of an alarm
// which a later night found to be the judge's is the judge's.
func Names(nights []Night, states []State) []string {
	names := make([]string, len(states))
	for i, s := range states {
		names[i] = s.Verdict
		if s.Renames == "" {
			continue
		}
		if k := slices.IndexFunc(nights[:i], func(n Night) bool { return n.Name == s.Renames }); k >= 0 {
			names[k] = Judge
		}
	}
	return names
}
