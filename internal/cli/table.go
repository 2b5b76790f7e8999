package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/text"
)

// WriteF1Table writes the final table of a run, best F1 first and scores in
// percent, with what a reader must know before comparing them, in a terminal of that
// width; 0 is none.
func WriteF1Table(w io.Writer, width int, e *metrics.Evaluation) {
	ranked := slices.Clone(e.Candidates)
	slices.SortStableFunc(ranked, func(a, b metrics.Candidate) int { return cmp.Compare(b.F1, a.F1) })

	ci := fmt.Sprintf("[%.4g%% CI]", 100*e.Confidence)
	if e.Repeats > 1 {
		writeTable(w, width, e, repeatsTable(e, ranked, ci))
		return
	}
	t := newFigures("candidate", "events", "TP", "FP", "TN", "FN", "recall", "precision", "accuracy", "false alarm", "F1", ci)
	for _, c := range ranked {
		t.add(table.Row{nameOf(&c), text.Count(c.Events), c.TP, c.FP, c.TN, c.FN,
			text.Percent(c.Recall), text.Percent(c.Precision), text.Percent(c.Accuracy), text.Percent(c.FalseAlarm), text.Percent(c.F1),
			text.Interval(c.F1CI)})
	}
	writeTable(w, width, e, t)
}

// repeatsTable has means over repeats, and how far these lie apart.
func repeatsTable(e *metrics.Evaluation, ranked []metrics.Candidate, ci string) *figures {
	k := e.Repeats
	t := newFigures("candidate", "repeats", "recall", "precision", "F1", ci, "sd", "F1 of each", fmt.Sprintf("pass^%d", k), fmt.Sprintf("pass@%d", k))
	for _, c := range ranked {
		row := table.Row{nameOf(&c), 1, text.Percent(c.Recall), text.Percent(c.Precision), text.Percent(c.F1),
			text.Interval(c.F1CI), "–", "–", "–", "–"}
		if r := c.Repetition; r != nil {
			row[1] = r.Repeats
			copy(row[6:], []any{text.Percent(r.F1SD), eachOf(r.F1ByRepeat), text.Percent(r.PassK[r.Repeats-1]), text.Percent(r.PassAtK[r.Repeats-1])})
		}
		t.add(row)
	}
	return t
}

// mostEach is how many repeats are listed, and of more the lowest and the highest.
const mostEach = 5

func eachOf(f1 []float64) string {
	if len(f1) > mostEach {
		return text.Percent(slices.Min(f1)) + " … " + text.Percent(slices.Max(f1))
	}
	list := make([]string, len(f1))
	for i, x := range f1 {
		list[i] = text.Percent(x)
	}
	return strings.Join(list, " ")
}

func nameOf(c *metrics.Candidate) string {
	if c.Simulated {
		return text.Line(c.Name) + " *"
	}
	return text.Line(c.Name)
}

// writeTable writes a table with its notes below.
func writeTable(w io.Writer, width int, e *metrics.Evaluation, t *figures) {
	var b strings.Builder
	b.WriteString(t.render(width))
	b.WriteString("\n")
	for _, note := range notesOf(e) {
		b.WriteString(folded(note+"\n", "  ", width))
	}
	_, _ = io.WriteString(w, b.String())
}

// notesOf says how far the table can be trusted.
func notesOf(e *metrics.Evaluation) []string {
	judge := text.Line(e.Judge)
	if e.JudgeModel != "" {
		judge += " " + text.Line(e.JudgeModel)
		if e.JudgedBy != nil {
			judge += " (" + text.Line(strings.Join(e.JudgedBy, ", ")) + ")"
		}
		if e.JudgePrompt != nil {
			judge += " by the prompt " + text.Line(e.JudgePrompt.String())
		}
	}
	notes := []string{fmt.Sprintf("%s in %s, judged by %s. Scores in percent.",
		text.Plural(e.Events, "event"), text.Plural(e.Traces, "trace"), judge)}
	if k := e.Repeats; k > 1 {
		notes = append(notes, fmt.Sprintf("Means over %d repeats; sd is the spread between them, and intervals know traces and repeats. pass^%d: events answered right in all repeats, pass@%d: in any.", k, k, k))
	}
	if slices.ContainsFunc(e.Candidates, func(c metrics.Candidate) bool { return c.Simulated }) {
		notes = append(notes, "* a stand-in answered or judged")
	}
	for _, c := range e.Candidates {
		if c.Prompt != nil {
			notes = append(notes, fmt.Sprintf("%s has the prompt %s", text.Line(c.Name), text.Line(c.Prompt.String())))
		}
	}
	for _, warning := range e.Warnings {
		notes = append(notes, "! "+text.Safe(warning))
	}
	return notes
}
