package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/folder"
)

// A Difference is what telling two runs apart costs, whose rows differ in ten places.
type Difference struct {
	Rows  int    `json:"rows"`
	Bytes int64  `json:"bytes"` // of both runs
	Order string `json:"order"`
	Cost  []Cost `json:"cost"`
}

// measureDifferences makes the runs a, b with ten edits in the same order, and c with the
// rows of b in another order.
func (b *bencher) measureDifferences(ctx context.Context) error {
	w, err := newWorkshop(nil)
	if err != nil {
		return err
	}
	defer w.close()
	bucket, err := folder.Open(filepath.Join(w.dir, ".gymline"))
	if err != nil {
		return err
	}
	defer bucket.Close()
	rows := b.scaled(1_000_000)
	order := make([]int, rows)
	for i := range order {
		order[i] = i
	}
	st := store.New(bucket)
	var bytes [3]int64
	for n, edited := range []bool{false, true, true} {
		if n == 2 {
			rand.New(rand.NewPCG(1, 2)).Shuffle(rows, func(i, j int) { order[i], order[j] = order[j], order[i] })
		}
		if bytes[n], err = putRows(ctx, st, order, edited); err != nil {
			return err
		}
	}
	for n, name := range []string{"the same", "another"} {
		compare := fmt.Sprintf(`%q diff rows-1 rows-%d > out.txt; test $? = 1 && grep -qE '^curate +rows.jsonl +[0-9,]+ +4 +3 +3 ' out.txt`, b.gymline, n+2)
		cost, err := w.repeat(ctx, b.repeat, "sh", "-c", compare)
		if err != nil {
			return err
		}
		b.results.Differences = append(b.results.Differences, Difference{rows, bytes[0] + bytes[n+1], name, cost})
	}
	return nil
}

// putRows makes a run of one step whose output has a row for each place in an order. Of an
// edited one four rows are others, three are gone and three are new.
func putRows(ctx context.Context, st *store.Store, order []int, edited bool) (int64, error) {
	p := &plan.Plan{Version: plan.Version, Experiment: "rows", Digest: store.DigestOf(nil), Seed: 7, Steps: []plan.Step{
		{Name: plan.JobCurate, Job: plan.JobCurate, Format: 1, Shards: 1, Share: plan.Share{Params: []byte(`{}`)}},
	}}
	d, err := run.NewDraft(p, nil, run.Execution{}, false)
	if err != nil {
		return 0, err
	}
	id, err := run.Registry{Store: st, Now: time.Now, Version: "bench"}.Open(ctx, d, nil)
	if err != nil {
		return 0, err
	}
	w := st.NewBlob()
	defer w.Discard()
	every, rows := len(order)/10, int64(0)
	for _, i := range order {
		name, more := fmt.Sprintf("scene-%08d/0", i), ""
		if edited && i%every == every/2 {
			switch i / every {
			case 0, 1, 2, 3:
				more = " again"
			case 4, 5, 6:
				continue
			default:
				rows++
				if err := putRow(w, "new-"+name, more); err != nil {
					return 0, err
				}
			}
		}
		rows++
		if err := putRow(w, name, more); err != nil {
			return 0, err
		}
	}
	digest, err := w.Commit(ctx)
	if err != nil {
		return 0, err
	}
	return w.Bytes(), st.CommitStep(ctx, store.Step{Run: id, Step: plan.JobCurate, WorkKey: store.WorkKey(digest), Inputs: []store.Artifact{},
		Outputs: []store.Artifact{{Name: plan.RowsOutput, Digest: digest, Bytes: w.Bytes(), Rows: rows, MediaType: "application/x-ndjson"}}})
}

func putRow(w io.Writer, name, more string) error {
	_, err := fmt.Fprintf(w, `{"stage":"curate","id":%q,"state":"rejected","cause":"near-duplicate of what %x was%s","yields":0,"text":"%0128x"}`+"\n",
		name, store.DigestOf([]byte(name)), more, len(name))
	return err
}

func (r *Results) printDifferences(w io.Writer, tw *tabwriter.Writer) {
	if len(r.Differences) == 0 {
		return
	}
	fmt.Fprint(w, "\nTwo runs that differ in ten rows, told apart\n\n")
	fmt.Fprintln(tw, "rows\torder\tMB\ts\tCPU s\tpeak MB\t")
	for _, d := range r.Differences {
		fmt.Fprintf(tw, "%d\t%s\t%d\t%s\t%s\t%.0f\t\n", d.Rows, d.Order, d.Bytes/1e6, seconds(d.Cost).text("%.1f"), cpu(d.Cost).text("%.1f"),
			spread(d.Cost, func(c Cost) float64 { return float64(c.RSS) / 1e6 }).Max)
	}
	_ = tw.Flush()
}
