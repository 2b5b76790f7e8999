package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/drift"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/report"
	"github.com/gymline/gymline/internal/series"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

type historyOptions struct {
	profile, output, file string
	experiment, candidate string
	last                  int
}

func newHistory(edge *cli.Edge) *cobra.Command {
	var o historyOptions
	cmd := &cobra.Command{
		Use:   "history EXPERIMENT",
		Short: "Show how scores went, run after run, and when the models behind them changed",
		Long: `Show the scores of an experiment's runs in the order of time: F1 with its interval,
the change against the run before, and what else changed with it, such as the
version that a provider names beside its answers. A run that failed or was cut off
is a gap. The interval is of one run; where the experiment watches for drift, each
night has its verdict (none, system, judge or provider), with its evidence.

With -o html it writes a page with a chart to a file and prints its path.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.file != "" && o.output != "html" {
				return usage(cmd, errors.New("--file is where -o html writes the page: it needs -o html"))
			}
			if o.last < 0 {
				return usage(cmd, fmt.Errorf("-n %d: want a number from 1", o.last))
			}
			o.experiment = args[0]
			return runHistory(cmd.Context(), edge, o)
		},
	}
	bindProfile(cmd, &o.profile)
	bindOutput(cmd, &o.output, "text", "csv", "json", "html")
	cmd.Flags().StringVar(&o.candidate, "candidate", "", "only the candidate `NAME`")
	cmd.Flags().IntVarP(&o.last, "last", "n", 0, "only the `N` latest runs")
	cmd.Flags().StringVar(&o.file, "file", "", "where -o html writes the page (default "+reportsDir+"/EXPERIMENT-history.html)")
	return cmd
}

func runHistory(ctx context.Context, edge *cli.Edge, o historyOptions) error {
	return reading(ctx, edge, o.profile, func(st *store.Store) error {
		nights, err := series.Of(ctx, st, o.experiment, edge.Now())
		if err != nil {
			return err
		}
		if len(nights) == 0 {
			return fault.New(fault.Usage, fmt.Errorf("there is no run of the experiment %s in this store", o.experiment), "see 'gymline list'")
		}
		lines := series.Lines(nights)
		if o.candidate != "" {
			var names []string
			for _, l := range lines {
				names = append(names, l.Candidate)
			}
			lines = slices.DeleteFunc(lines, func(l series.Line) bool { return l.Candidate != o.candidate })
			if len(lines) == 0 {
				return fault.New(fault.Usage, fmt.Errorf("no run of %s scored a candidate %q", o.experiment, o.candidate), "they scored "+strings.Join(names, ", "))
			}
		}
		if len(lines) == 0 {
			return fault.New(fault.Usage, fmt.Errorf("no run of %s has scores", o.experiment), "an experiment with evaluate has some once a run of it succeeds")
		}
		for i := range lines {
			if points := lines[i].Points; o.last > 0 && len(points) > o.last {
				lines[i].Points = points[len(points)-o.last:]
			}
		}
		return writeHistory(edge, o, lines)
	})
}

func writeHistory(edge *cli.Edge, o historyOptions, lines []series.Line) error {
	switch o.output {
	case "json":
		return writeJSON(edge.Stdout, map[string]any{"experiment": o.experiment, "lines": lines})
	case "csv":
		return writeHistoryCSV(edge.Stdout, lines)
	case "html":
		file := o.file
		if file == "" {
			file = filepath.Join(reportsDir, filepath.Base(o.experiment)+"-history.html")
		}
		if err := writePage(file, func(w io.Writer) error { return report.WriteHistory(w, o.experiment, lines) }); err != nil {
			return err
		}
		_, err := fmt.Fprintln(edge.Stdout, file)
		return err
	}
	for i, l := range lines {
		if i > 0 {
			fmt.Fprintln(edge.Stdout)
		}
		if err := printLine(edge, l); err != nil {
			return err
		}
	}
	return nil
}

// printLine prints a candidate's line; scores of all its points are on one scale.
func printLine(edge *cli.Edge, l series.Line) error {
	fmt.Fprintln(edge.Stdout, text.Line(l.Candidate))
	head, watched := "WHEN\tRUN\tF1\t[CI]\tCHANGE\t\t", l.Watched()
	if watched {
		head = "WHEN\tRUN\tF1\t[CI]\tCHANGE\t\tDRIFT\t"
	}
	tw := edge.NewTable(head)
	scores := l.Scores()
	put := func(p *series.Point, more []string, cells ...any) {
		if watched {
			verdict := ""
			if p.Drift != nil {
				verdict = p.Drift.Verdict
			}
			cells = append(cells, verdict)
		}
		row(tw, append(cells, strings.Join(more, "; "))...)
	}
	for i := range l.Points {
		p := &l.Points[i]
		more := append(slices.Clone(p.News), p.Tags...)
		if d := p.Drift; d != nil && (d.Verdict != drift.None || len(d.Evidence) > 0 && i == len(l.Points)-1) {
			more = append([]string{d.String()}, more...)
		}
		if p.Note != "" {
			more = append(more, p.Note)
		}
		if p.Score == nil {
			state := p.State
			if p.ContinuedBy != "" {
				state += " → " + string(p.ContinuedBy)
			}
			if p.State == store.Succeeded {
				state = "not scored"
			}
			more = append([]string{state}, more...)
			put(p, more, whenOf(p), p.Run, "–", "", "", "")
			continue
		}
		change := ""
		if p.Change != nil {
			change = fmt.Sprintf("%+.1f", 100**p.Change)
		}
		put(p, more, whenOf(p), p.Run, text.Mean(p.Score.F1, p.Score.F1SD), text.Interval(p.Score.F1CI), change, spark(p.Score.F1, scores))
	}
	return tw.Flush()
}

// whenOf is a point's occasion, or the minute that its run opened.
func whenOf(p *series.Point) string {
	if at, err := store.ParseStamp(p.When()); err == nil {
		return at.UTC().Format("2006-01-02 15:04")
	}
	return p.When()
}

// spark is the height of a score among all.
func spark(v float64, all []float64) string {
	const heights = "▁▂▃▄▅▆▇█"
	lo, hi := slices.Min(all), slices.Max(all)
	if hi-lo < 1e-9 {
		return "▄"
	}
	return string([]rune(heights)[min(int(8*(v-lo)/(hi-lo)), 7)])
}

func writeHistoryCSV(w io.Writer, lines []series.Line) error {
	c := csv.NewWriter(w)
	_ = c.Write([]string{"candidate", "run", "created", "asOf", "state", "f1", "f1Low", "f1High", "change", "recall", "precision", "answeredBy", "judge", "judgedBy", "usd", "tags", "note", "f1SD", "drift", "driftEvidence"})
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	for _, l := range lines {
		for _, p := range l.Points {
			cells := []string{l.Candidate, string(p.Run), p.Created, p.AsOf, p.State, "", "", "", "", "", "", "", p.Judge, strings.Join(p.JudgedBy, " "), number(p.USD), strings.Join(p.Tags, " "), p.Note, "", "", ""}
			if s := p.Score; s != nil {
				cells[5] = number(s.F1)
				if s.F1CI != nil {
					cells[6], cells[7] = number(s.F1CI[0]), number(s.F1CI[1])
				}
				if s.F1SD != nil {
					cells[17] = number(*s.F1SD)
				}
				cells[9], cells[10], cells[11] = number(s.Recall), number(s.Precision), strings.Join(s.AnsweredBy, " ")
			}
			if d := p.Drift; d != nil {
				cells[18], cells[19] = d.Verdict, strings.Join(d.Evidence, "; ")
			}
			if p.Change != nil {
				cells[8] = number(*p.Change)
			}
			_ = c.Write(cells)
		}
	}
	c.Flush()
	return c.Error() // of any line
}
