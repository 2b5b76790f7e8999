package rewardmodel

import (
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/trace"
)

// A dataset is the rows by group and turn, in the order they came.
type dataset struct {
	groups []group
	rows   int
}

// A group is what trace.Judged.Group names, such as all sessions of a scene:
// never cut apart by folds or bootstrap draws.
type group struct {
	turns []turn
	// vocabulary is of the distinct texts of the rows that may train.
	vocabulary Vocabulary
}

// A turn is a distinct history of a trace and what was judged after it.
type turn struct {
	history []trace.Event
	// need is whether help was wanted, by the rows that may train; nil when
	// they do not say.
	need  *bool
	cases []judged
}

// trains says whether any row of the turn may train.
func (t *turn) trains() bool {
	return slices.ContainsFunc(t.cases, func(c judged) bool { return !c.test })
}

// A judged is one row: a task or silence, and its label.
type judged struct {
	row      int // its index in the caller's rows
	task     *string
	accepted bool
	target   float64 // what the task model learns
	test     bool    // never trains
}

// needOf is what a row says about its turn: the source's own word where there
// is one; otherwise an accepted task or a rejected silence means that help was
// needed, an accepted silence that it was not, and a rejected task leaves open
// whether another one would have helped.
func needOf(r *trace.Judged) *bool {
	switch {
	case r.HelpNeeded != nil:
		return r.HelpNeeded
	case r.Task == nil:
		need := !r.Accepted
		return &need
	case r.Accepted:
		return &r.Accepted
	}
	return nil
}

// targetOf is half the annotators' mean vote and half the label; the label
// where votes are not known. Close calls pull less than clear ones.
func targetOf(r *trace.Judged) float64 {
	label := flag(r.Accepted)
	if len(r.Votes) == 0 {
		return label
	}
	sum := 0.0
	for _, v := range r.Votes {
		sum += flag(v)
	}
	return (sum/float64(len(r.Votes)) + label) / 2
}

func newDataset(rows []trace.Judged) *dataset {
	d := &dataset{rows: len(rows)}
	groups := map[string]int{}
	turns := map[[2]string]int{} // trace and history → index in its group
	for i := range rows {
		r := &rows[i]
		g, ok := groups[r.Group]
		if !ok {
			g = len(d.groups)
			groups[r.Group] = g
			d.groups = append(d.groups, group{})
		}
		grp := &d.groups[g]
		key := [2]string{r.Trace, historyKey(r.History)}
		t, ok := turns[key]
		if !ok {
			t = len(grp.turns)
			turns[key] = t
			grp.turns = append(grp.turns, turn{history: r.History})
		}
		test := r.Split == testSplit
		if need := needOf(r); need != nil && !test && grp.turns[t].need == nil {
			grp.turns[t].need = need
		}
		grp.turns[t].cases = append(grp.turns[t].cases, judged{i, r.Task, r.Accepted, targetOf(r), test})
	}
	for g := range d.groups {
		d.groups[g].vocabulary = countWords(&d.groups[g])
	}
	return d
}

func historyKey(history []trace.Event) string {
	var b strings.Builder
	for _, e := range history {
		b.WriteString(e.Time)
		b.WriteByte(0)
		b.WriteString(e.Text)
		b.WriteByte(0)
	}
	return b.String()
}

// countWords counts the words of a group's training texts, each distinct event
// and task once.
func countWords(g *group) Vocabulary {
	v := Vocabulary{Words: map[string]int{}}
	seen := map[string]bool{}
	count := func(s string) {
		if seen[s] {
			return
		}
		seen[s] = true
		v.Texts++
		for _, w := range newText(s).set {
			v.Words[w]++
		}
	}
	for _, t := range g.turns {
		for _, c := range t.cases {
			if c.test {
				continue
			}
			for _, e := range t.history {
				count(e.Text)
			}
			if c.task != nil {
				count(*c.task)
			}
		}
	}
	return v
}
