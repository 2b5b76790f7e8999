package report

import (
	"io"

	"github.com/gymline/gymline/internal/audit/diff"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/why"
)

// WriteDiff renders what two runs differ in as a page of its own. Nothing is written when
// it fails.
func WriteDiff(w io.Writer, d *diff.Diff) error { return execute(w, "diff.html", differences{d}) }

// differences are a diff as its page has them.
type differences struct{ *diff.Diff }

// Runs are both.
func (d differences) Runs() []diff.Run { return []diff.Run{d.A, d.B} }

// A fieldTable is a table of fields.
type fieldTable struct {
	What string
	A, B store.RunID
	List []diff.Field
}

// Tables are those of fields that there is something in.
func (d differences) Tables() (list []fieldTable) {
	for _, t := range []struct {
		what   string
		fields []diff.Field
	}{
		{"Settings of the experiment", d.Experiment}, {"Command line", d.Set}, {"Models", d.Models},
		{"Models as providers reported them", d.Versions}, {"Programs", d.Code},
	} {
		if len(t.fields) > 0 {
			list = append(list, fieldTable{t.what, d.A.Run, d.B.Run, t.fields})
		}
	}
	return list
}

// Flips are the artifacts with turns that are others.
func (d differences) Flips() (list []diff.Artifact) {
	for _, a := range d.Artifacts {
		if t := a.Turns; t != nil && t.Proposals+t.Verdicts+t.OnlyWas+t.OnlyIs > 0 {
			list = append(list, a)
		}
	}
	return list
}

// textsOf are both values of a change.
func textsOf(c why.Change) []string {
	was, is := c.Texts()
	return []string{was, is}
}

// promptLines are the lines that only one of two texts has.
func promptLines(p diff.Prompt) (list []string) {
	was, is := p.Lines()
	for _, line := range was {
		list = append(list, "− "+line)
	}
	for _, line := range is {
		list = append(list, "+ "+line)
	}
	return list
}
