package gate

import (
	"fmt"
	"io"
	"strings"
)

// WriteMarkdown writes a result for a comment or a job's summary.
func (r *Result) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	mark := "✅"
	if !r.Passed {
		mark = "❌"
	}
	fmt.Fprintf(&b, "### %s %s\n\n%s\n\n", mark, cell(string(r.Run)), cell(r.Sentence))
	b.WriteString("| rule | verdict | what was found |\n|---|---|---|\n")
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "| %s | %s | %s %s |\n", cell(f.Rule.String()), f.Verdict, cell(f.Candidate), cell(f.Found))
	}
	if len(r.Comparisons) > 0 {
		b.WriteString("\n| candidate | against | F1 there | F1 here | difference | interval | other answers | other verdicts on equal answers |\n|---|---|--:|--:|--:|--:|--:|--:|\n")
	}
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %+.1f | [%s, %s] | %d of %d | %d of %d |\n", cell(c.Candidate), cell(string(c.Against)),
			points(c.Before), points(c.F1), 100*c.Delta, points(c.CI[0]), points(c.CI[1]), c.OtherAnswers, c.Answers, c.OtherVerdicts, c.EqualAnswers)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cell is a text that begins no other cell, row or mark-up.
func cell(s string) string {
	return strings.NewReplacer("\n", " ", "\r", " ", "|", `\|`, "<", "&lt;", "`", "'", "[", `\[`, "*", `\*`, "_", `\_`).Replace(s)
}
