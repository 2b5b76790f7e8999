package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	pretty "github.com/jedib0t/go-pretty/v6/text"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/statistics"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

// WriteStatistics writes what a run took and used, and what became of its rows,
// as tables with a line for each step, and for each role that was played, in a terminal of
// that width; 0 is none.
func WriteStatistics(w io.Writer, width int, r *statistics.Run) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %s\n\n", text.Line(string(r.Run)), r.State, duration(span(r.Seconds)))
	t := newFigures("step", "shards", "reused", "time", "calls", "replayed", "prompt", "cached", "completion", "paid")
	for _, s := range r.Steps {
		t.add(append(table.Row{text.Line(string(s.Step)), fmt.Sprintf("%d/%d", s.Done, len(s.Shards)), s.Reused, timeTaken(s.Seconds)}, used(s.Used)...))
	}
	t.add(append(table.Row{"all steps", "", "", timeTaken(r.Seconds)}, used(r.Used)...))
	if r.Before.Calls > 0 {
		t.add(append(table.Row{"reused, not paid now", "", "", ""}, used(r.Before)...))
	}
	b.WriteString(t.render(width))
	if n := r.Used.Estimated + r.Before.Estimated; n > 0 {
		b.WriteString(folded(fmt.Sprintf("! the provider did not count the tokens of %s: they, and the dollars, are estimated\n", text.Plural(n, "call")), "  ", width))
	}
	if n := r.Redacted; n != nil {
		b.WriteString(folded(fmt.Sprintf("redacted before they were sent: %s (%s)\n", text.Plural(n.Calls, "call"), text.Kinds(n.Kinds)), "  ", width))
	}
	t = newFigures("step", "rows", "accepted", "truncated", "rejected", "failed", "paid/accepted", "tokens/accepted")
	for _, s := range r.Steps {
		if s.Rows == nil {
			continue
		}
		usd, tokens := "–", "–"
		if s.Rows.USDPerAccepted != nil && *s.Rows.USDPerAccepted > 0 {
			usd = text.Dollars(*s.Rows.USDPerAccepted)
		}
		if s.Rows.TokensPerAccepted != nil {
			tokens = text.Short(int64(*s.Rows.TokensPerAccepted))
		}
		t.add(table.Row{text.Line(string(s.Step)), text.Count(s.Rows.Planned), text.Count(s.Rows.Accepted), text.Count(s.Rows.Truncated),
			text.Count(s.Rows.Rejected), text.Count(s.Rows.Failed), usd, tokens})
	}
	if !t.empty() {
		b.WriteString("\n" + t.render(width))
	}
	t = newFigures("step", "role", "calls", "prompt", "cached", "completion", "prompt/accepted", "cached/accepted", "completion/accepted")
	per := false
	for _, row := range statistics.RoleRows(r) {
		u := used(row.Usage)
		cells := table.Row{text.Line(row.Step), text.Line(row.Role), u[0], u[2], u[3], u[4], "–", "–", "–"}
		if row.Events > 0 {
			per = true
			for i, n := range []int64{row.Prompt, row.Cached, row.Completion} {
				cells[6+i] = fmt.Sprintf("%.1f", row.Per(n))
			}
		}
		t.add(cells)
	}
	if !t.empty() {
		b.WriteString("\n" + t.render(width))
	}
	if per {
		b.WriteString(folded("/accepted: for each event after which the gym's user took the offer, or found silence right\n", "  ", width))
	}
	for i, m := range r.Models {
		if i == 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s: %s\n", text.Line(m.Name), text.Line(m.String()))
	}
	for _, s := range r.Served {
		fmt.Fprintf(&b, "the server of %s: %s\n", text.Line(s.Model), text.Line(s.String()))
	}
	for _, f := range r.Failures {
		WriteFailure(&b, f.Failure)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteFailure writes why a shard failed and what to do, after an empty line.
func WriteFailure(w io.Writer, f store.Failure) {
	fmt.Fprintf(w, "\n%s/%d failed with exit code %d: %s\n", text.Line(string(f.Step)), f.Shard, f.ExitCode, text.Safe(f.Cause))
	if f.Hint != "" {
		fmt.Fprintf(w, "  → %s\n", text.Safe(f.Hint))
	}
}

// used are the cells of what calls used.
func used(u llm.Usage) table.Row {
	if u.Calls == 0 {
		return table.Row{"–", "–", "–", "–", "–", "–"}
	}
	share, paid := "–", "–"
	if u.Prompt > 0 {
		share = fmt.Sprintf("%.0f%%", 100*float64(u.Cached)/float64(u.Prompt))
	}
	if u.USD > 0 {
		paid = text.Dollars(u.USD)
	}
	return table.Row{text.Count(u.Calls), text.Count(u.Replayed), text.Short(u.Prompt), share, text.Short(u.Completion), paid}
}

func span(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

func timeTaken(seconds float64) string {
	if seconds == 0 {
		return "–"
	}
	return duration(span(seconds))
}

// figures are a table with names on the left, figures on the right, and no lines but one.
type figures struct {
	table table.Writer
	rows  [][]string // the header first
}

func newFigures(header ...string) *figures {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Options = table.OptionsNoBordersAndSeparators
	t.Style().Options.SeparateHeader = true
	t.Style().Format.Header = pretty.FormatDefault
	t.Style().Box.PaddingLeft, t.Style().Box.PaddingRight = "", "  "
	row := table.Row{}
	var right []table.ColumnConfig
	for i, name := range header {
		row = append(row, name)
		if i > 0 {
			right = append(right, table.ColumnConfig{Number: i + 1, Align: pretty.AlignRight, AlignHeader: pretty.AlignRight})
		}
	}
	t.AppendHeader(row)
	t.SetColumnConfigs(right)
	return &figures{t, [][]string{header}}
}

func (f *figures) add(cells table.Row) {
	f.table.AppendRow(cells)
	var texts []string
	for _, cell := range cells {
		texts = append(texts, fmt.Sprint(cell))
	}
	f.rows = append(f.rows, texts)
}

func (f *figures) empty() bool { return len(f.rows) == 1 }

// render is the table without spaces at the ends of its lines, in that width.
func (f *figures) render(width int) string {
	var b strings.Builder
	for line := range strings.Lines(f.table.Render() + "\n") {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return inRoom(b.String(), f.rows, width)
}
