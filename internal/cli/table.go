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
// percent, with what a reader must know before comparing them.
func WriteF1Table(w io.Writer, e *metrics.Evaluation) {
	ranked := slices.Clone(e.Candidates)
	slices.SortStableFunc(ranked, func(a, b metrics.Candidate) int { return cmp.Compare(b.F1, a.F1) })

	ci := fmt.Sprintf("[%.4g%% CI]", 100*e.Confidence)
	t := plainTable("candidate", "events", "TP", "FP", "TN", "FN", "recall", "precision", "accuracy", "false alarm", "F1", ci)
	for _, c := range ranked {
		name := text.Line(c.Name)
		if c.Simulated {
			name += " *"
		}
		t.AppendRow(table.Row{name, text.Count(c.Events), c.TP, c.FP, c.TN, c.FN,
			percent(c.Recall), percent(c.Precision), percent(c.Accuracy), percent(c.FalseAlarm), percent(c.F1),
			fmt.Sprintf("[%s, %s]", percent(c.F1CI[0]), percent(c.F1CI[1]))})
	}
	var b strings.Builder
	b.WriteString(trimmed(t))
	b.WriteString("\n")
	for _, note := range notesOf(e) {
		b.WriteString(note + "\n")
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

// percent is a score in [0,1] in percent, to one decimal.
func percent(score float64) string { return fmt.Sprintf("%.1f", 100*score) }
