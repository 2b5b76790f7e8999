package cli

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	pretty "github.com/jedib0t/go-pretty/v6/text"
)

const runs = "RUN\tSTATE\tF1\tNOTE\n" +
	"quickstart-1\tSucceeded\t57.4\twith the new seeds, and a longer history\n" +
	"quickstart-2\tFailed\t\t\n" +
	"\tRunning\t3.0\t日本語の メモ です\n"

func written(t *testing.T, text string, width int) string {
	t.Helper()
	var b strings.Builder
	e := Edge{Stdout: &b, Shown: width > 0, Width: func() int { return width }}
	header, rows, _ := strings.Cut(text, "\n")
	table := e.NewTable(header)
	fmt.Fprint(table, rows)
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What is no terminal gets one line a row, whatever its length.
func TestTableInAFile(t *testing.T) {
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprint(tw, runs)
	if err := tw.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, width := range []int{0, 200} {
		if got := written(t, runs, width); got != b.String() {
			t.Errorf("width %d: got\n%s\nwant\n%s", width, got, b.String())
		}
	}
}

// In every width no line is longer than that, but one of a single long word, and every
// word of every cell is there whole.
func TestTableFits(t *testing.T) {
	for width := 1; width < 100; width++ {
		got := written(t, runs, width)
		for line := range strings.Lines(got) {
			line = strings.TrimRight(line, "\n")
			if pretty.StringWidth(strings.TrimRight(line, " ")) > width && len(strings.Fields(line)) > 1 {
				t.Errorf("width %d: the line %q is wider", width, line)
			}
		}
		words := strings.Fields(got)
		for _, word := range strings.Fields(runs) {
			if !slices.Contains(words, word) && !slices.Contains([]string{"RUN", "STATE", "F1", "NOTE"}, word) {
				t.Errorf("width %d: %q is not there whole:\n%s", width, word, got)
			}
		}
	}
}

func TestTableForms(t *testing.T) {
	for width, want := range map[int]string{
		52: "RUN           STATE      F1    NOTE\n" +
			"quickstart-1  Succeeded  57.4  with the new seeds,\n" +
			"                               and a longer history\n" +
			"quickstart-2  Failed\n" +
			"              Running    3.0   日本語の メモ です\n",
		30: "quickstart-1\n  STATE Succeeded  F1 57.4\n  NOTE with the new seeds, and\n  a longer history\n" +
			"quickstart-2\n  STATE Failed\n" +
			"  STATE Running  F1 3.0\n  NOTE 日本語の メモ です\n",
	} {
		if got := written(t, runs, width); got != want {
			t.Errorf("width %d: got\n%s\nwant\n%s", width, got, want)
		}
	}
}

// The tables of scores and of use fit a narrow terminal, too, with the notes below them.
func TestFiguresFit(t *testing.T) {
	for name, write := range map[string]func(*strings.Builder, int){
		"scores":     func(b *strings.Builder, width int) { WriteF1Table(b, width, evaluation()) },
		"timing":     func(b *strings.Builder, width int) { WriteTimingTable(b, width, timedEvaluation()) },
		"statistics": func(b *strings.Builder, width int) { _ = WriteStatistics(b, width, statisticsOfARun()) },
	} {
		var wide, narrow strings.Builder
		write(&wide, 0)
		write(&narrow, 60)
		if widest(wide.String()) <= 60 || widest(narrow.String()) > 60 {
			t.Errorf("%s: %d letters wide, and %d in 60:\n%s", name, widest(wide.String()), widest(narrow.String()), narrow.String())
		}
	}
}
