package gate

import (
	"fmt"
	"io"
	"strings"

	"github.com/gymline/gymline/internal/text"
)

// WriteMarkdown writes a result for a comment or a job's summary.
func (r *Result) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	mark := "✅"
	if !r.Passed {
		mark = "❌"
	}
	fmt.Fprintf(&b, "### %s %s\n\n%s\n\n", mark, text.Markdown(string(r.Run)), text.Markdown(r.Sentence))
	b.WriteString("| rule | verdict | what was found |\n|---|---|---|\n")
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "| %s | %s | %s %s |\n", text.Markdown(f.Rule.String()), f.Verdict, text.Markdown(f.Candidate), text.Markdown(f.Found))
	}
	if len(r.Comparisons) > 0 {
		b.WriteString("\n| candidate | against | F1 there | F1 here | difference | interval | other answers | other verdicts on equal answers |\n|---|---|--:|--:|--:|--:|--:|--:|\n")
	}
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %+.1f | %s | %d of %d | %d of %d |\n", text.Markdown(c.Candidate), text.Markdown(string(c.Against)),
			text.Percent(c.Before), text.Percent(c.F1), 100*c.Delta, text.Interval(c.CI), c.OtherAnswers, c.Answers, c.OtherVerdicts, c.EqualAnswers)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
