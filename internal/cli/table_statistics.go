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
// as tables with a line for each step, and for each role that was played.
func WriteStatistics(w io.Writer, r *statistics.Run) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %s\n\n", text.Line(string(r.Run)), r.State, duration(span(r.Seconds)))
	t := plainTable("step", "shards", "reused", "time", "calls", "replayed", "prompt", "cached", "completion", "paid")
	for _, s := range r.Steps {
		t.AppendRow(append(table.Row{text.Line(string(s.Step)), fmt.Sprintf("%d/%d", s.Done, len(s.Shards)), s.Reused, timeTaken(s.Seconds)}, used(s.Used)...))
	}
	t.AppendRow(append(table.Row{"all steps", "", "", timeTaken(r.Seconds)}, used(r.Used)...))
	if r.Before.Calls > 0 {
		t.AppendRow(append(table.Row{"reused, not paid now", "", "", ""}, used(r.Before)...))
	}
	b.WriteString(trimmed(t))
	if n := r.Used.Estimated + r.Before.Estimated; n > 0 {
		fmt.Fprintf(&b, "! the provider did not count the tokens of %s: they, and the dollars, are estimated\n", text.Plural(n, "call"))
	}
	if n := r.Redacted; n != nil {
		fmt.Fprintf(&b, "redacted before they were sent: %s (%s)\n", text.Plural(n.Calls, "call"), text.Kinds(n.Kinds))
	}
	t = plainTable("step", "rows", "accepted", "truncated", "rejected", "failed", "paid/accepted", "tokens/accepted")
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
		t.AppendRow(table.Row{text.Line(string(s.Step)), text.Count(s.Rows.Planned), text.Count(s.Rows.Accepted), text.Count(s.Rows.Truncated),
			text.Count(s.Rows.Rejected), text.Count(s.Rows.Failed), usd, tokens})
	}
	if t.Length() > 0 {
		b.WriteString("\n" + trimmed(t))
	}
	t = plainTable("step", "role", "calls", "prompt", "cached", "completion", "prompt/accepted", "cached/accepted", "completion/accepted")
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
		t.AppendRow(cells)
	}
	if t.Length() > 0 {
		b.WriteString("\n" + trimmed(t))
	}
	if per {
		b.WriteString("/accepted: for each event after which the gym's user took the offer, or found silence right\n")
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

// plainTable has names on the left, figures on the right, and no lines but one.
func plainTable(header ...string) table.Writer {
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
	return t
}

// trimmed renders a table without spaces at the ends of its lines.
func trimmed(t table.Writer) string {
	var b strings.Builder
	for line := range strings.Lines(t.Render() + "\n") {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}
