package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// print writes the tables.
func (r *Results) print(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\n%d CPUs, %s. CPU is of all processes of a command; [least–most] of several runs\n", r.CPUs, r.Go)
	r.printLoads(w, tw)
	r.printSim(w, tw)
	r.printLines(w, tw)
	r.printReuse(w, tw)
	r.printMany(w, tw)
	r.printNights(w, tw)
	r.printDifferences(w, tw)
	r.printVerified(w, tw)
	r.printPeers(w, tw)
	if len(r.Functions) > 0 {
		fmt.Fprint(w, "\nGo benchmarks\n\n")
		for _, f := range r.Functions {
			var figures []string
			for _, unit := range slices.Sorted(maps.Keys(f.Figures)) {
				figures = append(figures, fmt.Sprintf("%.4g %s", f.Figures[unit], unit))
			}
			fmt.Fprintf(w, "  %s: %s\n", f.Name, strings.Join(figures, ", "))
		}
	}
}

func (r *Results) printLoads(w io.Writer, tw *tabwriter.Writer) {
	if len(r.Loads) == 0 {
		return
	}
	fmt.Fprint(w, "\nThe gym behind a loopback server of 1 s latency, all on; bare is the client library alone\n\n")
	fmt.Fprintln(tw, "in flight\tbound/s\tsteady/s\twhole run/s\tbare/s\tCPU µs/call\twhole run\tbare\tratio\tpeak MB\tprompt B\t")
	for _, list := range r.Loads {
		of := func(verb string, figure func(Load) float64) string { return spread(list, figure).text(verb) }
		fmt.Fprintf(tw, "%d\t%.0f\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t\n", list[0].InFlight, list[0].Bound,
			of("%.0f", func(l Load) float64 { return l.Gymline.CallsPerSecond }), of("%.0f", func(l Load) float64 { return l.Whole.CallsPerSecond }),
			of("%.0f", func(l Load) float64 { return l.Bare.CallsPerSecond }), of("%.0f", func(l Load) float64 { return l.Gymline.CPUMicros }),
			of("%.0f", func(l Load) float64 { return l.Whole.CPUMicros }), of("%.0f", func(l Load) float64 { return l.Bare.CPUMicros }),
			of("%.2f", Load.ratio), of("%.0f", func(l Load) float64 { return float64(l.RSS >> 20) }), list[0].Prompt)
	}
	_ = tw.Flush()
}

func (r *Results) printSim(w io.Writer, tw *tabwriter.Writer) {
	if len(r.Sim) == 0 {
		return
	}
	fmt.Fprint(w, "\nThe stand-in in two processes\n\n")
	fmt.Fprintln(tw, "events\trun s\tCPU µs/event\tgenerate µs/event\tof the first\tpeak MB\t")
	for _, g := range r.Sim {
		fmt.Fprintf(tw, "%d\t%.1f\t%.0f\t%.0f\t%.2f\t%d\t\n", g.Events, g.Cost.Seconds, g.Cost.CPU*1e6/float64(g.Events), g.Wall, g.Wall/r.Sim[0].Wall, g.Cost.RSS>>20)
	}
	_ = tw.Flush()
}

func (r *Results) printLines(w io.Writer, tw *tabwriter.Writer) {
	for _, l := range r.Lines {
		rate := func(c Cost) float64 { return float64(l.Bytes) / 1e6 / c.Seconds }
		fmt.Fprintf(w, "\nExport and reward of %d events; a whole run each, with its report\n\n", l.Events)
		fmt.Fprintln(tw, "\tMB\ts\tCPU s\tMB/s\tof sha256sum\tCPU µs/event\tpeak MB\t")
		row := func(name string, c Cost) {
			fmt.Fprintf(tw, "%s\t%d\t%.1f\t%.1f\t%.0f\t%.2f\t%.0f\t%d\t\n", name, l.Bytes/1e6, c.Seconds, c.CPU, rate(c), rate(c)/rate(l.Hash), c.CPU*1e6/float64(l.Events), c.RSS>>20)
		}
		row("export", l.Export)
		row("sha256sum of it", l.Hash)
		fmt.Fprintf(tw, "reward\t\t%.1f\t%.1f\t\t\t%.0f\t%d\t\n", l.Reward.Seconds, l.Reward.CPU, l.Reward.CPU*1e6/float64(l.Events), l.Reward.RSS>>20)
		fmt.Fprintf(tw, "export, reused\t\t%s\t%s\t\t\t\t\t\n", seconds(l.Fresh).text("%.2f"), cpu(l.Fresh).text("%.2f"))
		_ = tw.Flush()
	}
}

func (r *Results) printReuse(w io.Writer, tw *tabwriter.Writer) {
	if len(r.Reuse) == 0 {
		return
	}
	fmt.Fprint(w, "\nShards that were done before; plan answers the same question and does nothing\n\n")
	fmt.Fprintln(tw, "shards\tstore\tfirst s\tCPU s\tagain s\tCPU s\tplan s\tCPU s\tagain of plan\t")
	for _, u := range r.Reuse {
		fmt.Fprintf(tw, "%d\t%s\t%.1f\t%.1f\t%s\t%s\t%s\t%s\t%.2f\t\n", u.Shards, u.Store, u.First.Seconds, u.First.CPU,
			seconds(u.Again).text("%.2f"), cpu(u.Again).text("%.2f"), seconds(u.Plan).text("%.2f"), cpu(u.Plan).text("%.2f"),
			seconds(u.Again).Median/seconds(u.Plan).Median)
	}
	_ = tw.Flush()
}

func (r *Results) printMany(w io.Writer, tw *tabwriter.Writer) {
	if len(r.Many) == 0 {
		return
	}
	fmt.Fprint(w, "\nRecorded answers evaluated from many small files; sha256sum reads them all, find asks for their times\n\n")
	fmt.Fprintln(tw, "files\tstore\tfirst s\tCPU s\tagain s\tCPU s\tpeak MB\tsha256sum s\tfind s\tfirst of sha256sum\tagain of find\t")
	for _, m := range r.Many {
		fmt.Fprintf(tw, "%d\t%s\t%.1f\t%.1f\t%s\t%s\t%d\t%.2f\t%.2f\t%.1f\t%.1f\t\n", m.Files, m.Store, m.First.Seconds, m.First.CPU,
			seconds(m.Again).text("%.2f"), cpu(m.Again).text("%.2f"), m.First.RSS>>20, m.Hash.Seconds, m.Stat.Seconds,
			m.First.Seconds/m.Hash.Seconds, seconds(m.Again).Median/m.Stat.Seconds)
	}
	_ = tw.Flush()
}

func seconds(list []Cost) Spread {
	return spread(list, func(c Cost) float64 { return c.Seconds })
}

func cpu(list []Cost) Spread {
	return spread(list, func(c Cost) float64 { return c.CPU })
}
