package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/text"
)

// WriteTimingTable writes when candidates offer, best need F1 first, where people said
// when help was wanted, in a terminal of that width.
func WriteTimingTable(w io.Writer, width int, e *metrics.Evaluation) {
	of := e.Timing
	t := newFigures("timing", "offers", "an hour", "repeated", "windows", "delay", "timely", "early", "unneeded", "need F1", fmt.Sprintf("[%.4g%% CI]", 100*e.Confidence), "than always")
	ranked := slices.Clone(e.Candidates)
	slices.SortStableFunc(ranked, func(a, b metrics.Candidate) int {
		return cmp.Compare(b.Timing.NeedF1.Value, a.Timing.NeedF1.Value)
	})
	for _, c := range ranked {
		m := c.Timing
		t.add(table.Row{nameOf(&c), text.Count(m.Offers), decimal(m.PerHour, "%.1f"), percent(m.DuplicateShare), percent(m.WindowRecall), decimal(m.MeanDelay, "%.2f"),
			percent(m.TimelyShare), percent(m.EarlyShare), percent(m.UnneededShare), text.Percent(m.NeedF1.Value), text.Interval(m.NeedF1.CI), m.Always.Verdict})
	}
	_, _ = io.WriteString(w, t.render(width)+"\n")
	for _, note := range []string{
		fmt.Sprintf("People spoke of %s: help was wanted at %s of them, in %s. No judge has part in this.", text.Plural(of.Events, "event"), text.Count(of.Wanted), text.Plural(of.Windows, "window")),
		text.Safe(e.AboutAlways()),
	} {
		_, _ = io.WriteString(w, folded(note+"\n", "  ", width))
	}
}

// percent is a figure in percent; – where there is none.
func percent(f *metrics.Figure) string {
	if f == nil {
		return "–"
	}
	return text.Percent(f.Value)
}

func decimal(f *metrics.Figure, format string) string {
	if f == nil {
		return "–"
	}
	return fmt.Sprintf(format, f.Value)
}
