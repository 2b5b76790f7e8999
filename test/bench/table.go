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
	if len(r.Loads) > 0 {
		fmt.Fprintf(w, "\nThe gym behind a loopback server of 1 s latency, all on, %d CPUs; bare is the client library alone\n\n", r.CPUs)
		fmt.Fprintln(tw, "in flight\tbound/s\tgymline/s\tof bound\tbare/s\tCPU µs/call\tbare µs/call\tratio\tpeak MB\tprompt B\t")
		for _, l := range r.Loads {
			fmt.Fprintf(tw, "%d\t%.0f\t%.0f\t%.1f%%\t%.0f\t%.0f\t%.0f\t%.2f\t%d\t%d\t\n", l.InFlight, l.Bound, l.Gymline.CallsPerSecond,
				100*l.Gymline.CallsPerSecond/l.Bound, l.Bare.CallsPerSecond, l.Gymline.CPUMicros, l.Bare.CPUMicros, l.Gymline.CPUMicros/l.Bare.CPUMicros, l.RSS>>20, l.Prompt)
		}
		_ = tw.Flush()
	}
	if len(r.Sim) > 0 {
		fmt.Fprint(w, "\nThe stand-in in two processes\n\n")
		fmt.Fprintln(tw, "events\trun s\tCPU µs/event\tgenerate µs/event\tof the first\tpeak MB\t")
		for _, g := range r.Sim {
			fmt.Fprintf(tw, "%d\t%.1f\t%.0f\t%.0f\t%.2f\t%d\t\n", g.Events, g.Seconds, g.Micros, g.Wall, g.Wall/r.Sim[0].Wall, g.RSS>>20)
		}
		_ = tw.Flush()
	}
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
