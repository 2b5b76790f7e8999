package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gymline/gymline/internal/audit/diff"
	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/text"
	"github.com/gymline/gymline/internal/why"
)

// Bounds of what is printed: lines of a prompt, files of an input and fields of a row, and
// letters of a text.
const (
	mostPromptLines = 6
	mostFilesTold   = 10
	mostFieldsTold  = 3
	mostLetters     = 160
)

// printDiff prints what two runs differ in; sections of which there is nothing to say are
// left out.
func printDiff(edge *cli.Edge, d *diff.Diff) error {
	word := "different"
	if d.Equal {
		word = "equal"
	}
	fmt.Fprintf(edge.Stdout, "%s and %s are %s\n", d.A.Run, d.B.Run, word)
	if d.A.State != d.B.State {
		fmt.Fprintf(edge.Stdout, "%s %s, %s %s\n", d.A.Run, d.A.State, d.B.Run, d.B.State)
	}
	errs := []error{printParted(edge, d)}
	if d.A.Digest != d.B.Digest || d.A.Experiment != d.B.Experiment {
		errs = append(errs, printFields(edge, d, "EXPERIMENT", d.Experiment))
	} else {
		errs = append(errs, printFields(edge, d, "SETTING", d.Experiment))
	}
	errs = append(errs, printFields(edge, d, "--SET", d.Set), printPrompts(edge, d), printFields(edge, d, "MODEL", d.Models), printFields(edge, d, "ANSWERED AS", d.Versions),
		printInputs(edge, d), printFields(edge, d, "CODE", d.Code), printArtifacts(edge, d), printTurns(edge, d), printScores(edge, d))
	return errors.Join(errs...)
}

func printParted(edge *cli.Edge, d *diff.Diff) error {
	if d.Parted == nil {
		return nil
	}
	tw := edge.NewTable("\nPARTED AT\tBECAUSE")
	for i := 0; i < len(d.Parted.Shards); {
		first, end := d.Parted.Shards[i], i+1
		reason := strings.Join(first.Because, "; ")
		for end < len(d.Parted.Shards) && strings.Join(d.Parted.Shards[end].Because, "; ") == reason && d.Parted.Shards[end].Name == "" {
			end++
		}
		name := fmt.Sprintf("%s/%d", d.Parted.Step, first.Shard)
		if end > i+1 {
			name += fmt.Sprintf("–%d", d.Parted.Shards[end-1].Shard)
		}
		row(tw, strings.TrimSpace(name+" "+first.Name), reason)
		i = end
	}
	return tw.Flush()
}

func printFields(edge *cli.Edge, d *diff.Diff, what string, list []diff.Field) error {
	if len(list) == 0 {
		return nil
	}
	tw := edge.NewTable(fmt.Sprintf("\n%s\t%s\t%s\tOF", what, d.A.Run, d.B.Run))
	for _, f := range list {
		was, is := f.Texts()
		if f.Same {
			is = "="
		}
		row(tw, f.Path, was, is, f.Of)
	}
	return tw.Flush()
}

func printPrompts(edge *cli.Edge, d *diff.Diff) error {
	for _, p := range d.Prompts {
		fmt.Fprintf(edge.Stdout, "\nPROMPT of %s: %s → %s\n", text.Line(p.Of), promptName(p.WasName, p.Was), promptName(p.IsName, p.Is))
		if p.Same || p.Was == "" || p.Is == "" {
			continue
		}
		was, is := p.Lines()
		printLines(edge, "-", was)
		printLines(edge, "+", is)
	}
	return nil
}

func promptName(name, own string) string {
	switch {
	case own == "":
		return "the built-in one"
	case name == "":
		return "one of its own"
	}
	return text.Line(name)
}

func printLines(edge *cli.Edge, mark string, lines []string) {
	for _, line := range lines[:min(len(lines), mostPromptLines)] {
		fmt.Fprintf(edge.Stdout, "  %s %s\n", mark, text.Clip(text.Line(line), mostLetters))
	}
	if more := len(lines) - mostPromptLines; more > 0 {
		fmt.Fprintf(edge.Stdout, "  %s … %s more\n", mark, text.Plural(more, "line"))
	}
}

func printInputs(edge *cli.Edge, d *diff.Diff) error {
	if len(d.Inputs) == 0 {
		return nil
	}
	tw := edge.NewTable("\nINPUT\tFILE\t")
	for _, in := range d.Inputs {
		switch {
		case in.Same:
			row(tw, in.Name, "", "=")
		case in.Unread != "":
			row(tw, in.Name, "", "another; the list of files of "+string(in.Unread)+" cannot be read")
		}
		for i, f := range in.Files {
			if i == mostFilesTold {
				row(tw, in.Name, "…", fmt.Sprintf("%s more; -o json has all", text.Count(len(in.Files)-i)))
				break
			}
			row(tw, in.Name, f.Path, strings.TrimPrefix(f.String(), f.Path+" "))
		}
	}
	return tw.Flush()
}

func printArtifacts(edge *cli.Edge, d *diff.Diff) error {
	if len(d.Artifacts) == 0 {
		return nil
	}
	tw := edge.NewTable("\nARTIFACT\tOUTPUT\tEQUAL\tCHANGED\tREMOVED\tADDED\t")
	for i := range d.Artifacts {
		a := &d.Artifacts[i]
		cells := []any{strings.TrimSpace(string(a.Step) + " " + a.Name), a.Output, "", "", "", "", ""}
		switch r := a.Rows; {
		case a.Same:
			cells[2] = "="
		case len(a.Was) == 0:
			cells[6] = fmt.Sprintf("only %s has it", d.B.Run)
		case len(a.Is) == 0:
			cells[6] = fmt.Sprintf("only %s has it", d.A.Run)
		case r != nil:
			cells[2], cells[3], cells[4], cells[5] = text.Count(r.Same), text.Count(r.Changed), text.Count(r.Removed), text.Count(r.Added)
			if r.Changed+r.Removed+r.Added == 0 {
				cells[6] = "the same rows, in another order or other shards"
			}
		case a.FieldCount > 0:
			cells[6] = text.Plural(a.FieldCount, "field")
		default:
			cells[6] = "other bytes"
		}
		row(tw, cells...)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for i := range d.Artifacts {
		printRows(edge, &d.Artifacts[i])
	}
	return nil
}

// printRows prints the first rows that are not the same; those without a name of their own
// are numbers of lines, of which the table tells enough.
func printRows(edge *cli.Edge, a *diff.Artifact) {
	var lines []string
	if a.Rows != nil && len(a.Was) > 0 && len(a.Is) > 0 {
		for _, r := range a.Rows.Shown {
			told := r.Kind == diff.Changed && (a.Output == plan.CallsOutput || a.Turns != nil && len(a.Turns.Shown) > 0) // below, or by 'gymline calls'
			if r.Name != "" && !told {
				lines = append(lines, fmt.Sprintf("  %-7s  %s  %s", r.Kind, text.Line(r.Name), rowText(&r)))
			}
		}
	}
	if a.Fields != nil {
		lines = append(lines, "  "+fieldsText(a.Fields, a.FieldCount))
	}
	if lines != nil {
		fmt.Fprintf(edge.Stdout, "\n%s %s\n%s\n", strings.TrimSpace(string(a.Step)+" "+a.Name), a.Output, strings.Join(lines, "\n"))
	}
}

func rowText(r *diff.Row) string {
	if r.Kind == diff.Changed {
		return fieldsText(r.Fields, r.FieldCount)
	}
	return text.Clip(text.Line(r.Text), mostLetters)
}

func fieldsText(list []why.Change, n int) string {
	var parts []string
	for _, c := range list[:min(len(list), mostFieldsTold)] {
		parts = append(parts, text.Line(c.String()))
	}
	if more := n - len(parts); more > 0 {
		parts = append(parts, fmt.Sprintf("%s more", text.Plural(more, "field")))
	}
	return strings.Join(parts, "; ")
}

func printTurns(edge *cli.Edge, d *diff.Diff) error {
	for _, a := range d.Artifacts {
		t := a.Turns
		if t == nil || t.Proposals+t.Verdicts+t.OnlyWas+t.OnlyIs == 0 {
			continue
		}
		fmt.Fprintf(edge.Stdout, "\nTURNS of %s %s, in rows that changed: %s in both, %s in %s alone, %s in %s alone\n", strings.TrimSpace(string(a.Step)+" "+a.Name), a.Output,
			text.Plural(t.Both, "event"), text.Count(t.OnlyWas), d.A.Run, text.Count(t.OnlyIs), d.B.Run)
		fmt.Fprintf(edge.Stdout, "  other proposals %s, other verdicts %s, of which %s on the same proposals\n", text.Count(t.Proposals), text.Count(t.Verdicts), text.Count(t.Judge))
		for _, f := range t.Shown {
			fmt.Fprintf(edge.Stdout, "  %s  %s\n    - %s\n    + %s\n", text.Line(f.Turn), text.Clip(text.Line(f.Event), mostLetters), answerText(f.Was), answerText(f.Is))
		}
	}
	return nil
}

func answerText(a diff.Answer) string {
	says := "silence"
	if len(a.Proposals) > 0 {
		says = "offers " + text.Clip(text.Line(strings.Join(a.Proposals, " | ")), mostLetters)
	}
	if a.Reason != "" {
		return fmt.Sprintf("%s: %s: %s", a.Verdict, says, text.Clip(text.Line(a.Reason), mostLetters))
	}
	return a.Verdict + ": " + says
}

func printScores(edge *cli.Edge, d *diff.Diff) error {
	if len(d.Scores) == 0 {
		return nil
	}
	tw := edge.NewTable(fmt.Sprintf("\nCANDIDATE\t%s\t%s\tON COMMON EVENTS\tCHANGE [CI]\tP", d.A.Run, d.B.Run))
	for _, s := range d.Scores {
		cells := []any{s.Candidate, scoreText(s.Was), scoreText(s.Is), "", "", ""}
		switch c := s.Common; {
		case s.Same:
			cells[3] = "the same answers and verdicts"
		case s.Was == nil || s.Is == nil:
		case c == nil:
			cells[3] = "none"
		default:
			cells[3] = fmt.Sprintf("%s → %s on %s in %s", text.Percent(c.Before), text.Percent(c.F1), text.Plural(c.Events, "event"), text.Plural(c.Traces, "trace"))
			cells[4] = fmt.Sprintf("%+.1f", 100*c.Delta)
			if c.CI != nil {
				cells[4] = fmt.Sprintf("%+.1f [%+.1f, %+.1f]", 100*c.Delta, 100*c.CI[0], 100*c.CI[1])
			}
		}
		if s.PHolm != nil {
			cells[5] = fmt.Sprintf("%.2g", *s.PHolm)
		}
		row(tw, cells...)
	}
	return tw.Flush()
}

func scoreText(f1 *float64) string {
	if f1 == nil {
		return "–"
	}
	return text.Percent(*f1)
}
