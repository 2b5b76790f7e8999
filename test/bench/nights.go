package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
)

// Nights is what asking a store costs that has many runs of one experiment.
type Nights struct {
	Nights  int    `json:"nights"`
	Store   string `json:"store"`
	Made    Cost   `json:"made"` // the last of the runs
	List    []Cost `json:"list"`
	History []Cost `json:"history"`
	// Version is the limit of any command: gymline that asks nothing.
	Version []Cost `json:"version"`
}

// measureNights runs an experiment with scores night after night, then asks for them.
func (b *bencher) measureNights(ctx context.Context, nights int, far bool) (n Nights, err error) {
	n = Nights{Nights: nights, Store: "folder"}
	w, err := newWorkshop(files{"many.yaml": manyExperiment()})
	if err != nil {
		return n, err
	}
	defer w.close()
	if err := writeTraces(w.dir, 10); err != nil {
		return n, err
	}
	var near, profile []string
	if far {
		n.Store = "MinIO, 20 ms away"
		store, err := startSlowStore(ctx, b.minio, w)
		if err != nil {
			return n, err
		}
		defer store.close()
		near, profile = []string{"--profile", "near.yaml"}, []string{"--profile", "profile.yaml"}
	}
	for range nights {
		if n.Made, _, err = w.run(ctx, b.gymline, append([]string{"run", "many.yaml"}, near...)...); err != nil {
			return n, err
		}
	}
	for list, args := range map[*[]Cost][]string{&n.List: {"list"}, &n.History: {"history", "many"}} {
		if *list, err = w.repeat(ctx, b.repeat, b.gymline, append(args, profile...)...); err != nil {
			return n, err
		}
	}
	n.Version, err = w.repeat(ctx, b.repeat, b.gymline, "version")
	return n, err
}

func (r *Results) printNights(w io.Writer, tw *tabwriter.Writer) {
	if len(r.Nights) == 0 {
		return
	}
	fmt.Fprint(w, "\nRuns of one experiment, asked for; version asks for nothing\n\n")
	fmt.Fprintln(tw, "runs\tstore\tlist s\tCPU s\thistory s\tCPU s\tversion s\tround trips\t")
	for _, n := range r.Nights {
		trips := ""
		if n.Store != "folder" {
			trips = fmt.Sprintf("%.0f", seconds(n.History).Median/roundTrip.Seconds())
		}
		fmt.Fprintf(tw, "%d\t%s\t%s\t%s\t%s\t%s\t%.2f\t%s\t\n", n.Nights, n.Store, seconds(n.List).text("%.2f"), cpu(n.List).text("%.2f"),
			seconds(n.History).text("%.2f"), cpu(n.History).text("%.2f"), seconds(n.Version).Median, trips)
	}
	_ = tw.Flush()
}
