package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"text/tabwriter"
	"time"
)

// Verified is a run that is read again, whole.
type Verified struct {
	Bytes  int64  `json:"bytes"` // decoded, which cannot be compressed
	Verify []Cost `json:"verify"`
	// Bytes a second of this machine: sha256 of what is in memory, and what the store's
	// files are read at, by as many as there are processors.
	SHA256 float64 `json:"sha256PerSecond"`
	Read   float64 `json:"readPerSecond"`
}

// speed is verify's, of the median run, against the slower of the two.
func (v *Verified) speed() (perSecond, ofLimit float64) {
	perSecond = float64(v.Bytes) / seconds(v.Verify).Median
	return perSecond, perSecond / min(v.SHA256, v.Read)
}

// measureVerify reads a run with large inputs.
func (b *bencher) measureVerify(ctx context.Context) error {
	v := Verified{}
	w, err := newWorkshop(files{"many.yaml": manyExperiment()})
	if err != nil {
		return err
	}
	defer w.close()
	if err := writeTraces(w.dir, 10); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 8<<20)
	for n := range b.scaled(100) {
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		if err := os.WriteFile(filepath.Join(w.dir, "data", fmt.Sprintf("large-%d", n)), data, 0o600); err != nil {
			return err
		}
		v.Bytes += int64(len(data))
	}
	if _, _, err := w.run(ctx, b.gymline, "run", "many.yaml"); err != nil {
		return err
	}
	if v.Verify, err = w.repeat(ctx, b.repeat, b.gymline, "verify", "many-1"); err != nil {
		return err
	}
	n := int64(len(data)) * int64(runtime.NumCPU())
	v.SHA256 = perSecond(4*n, func(int) { // each processor its share
		for range 4 {
			sha256.Sum256(data)
		}
	})
	blobs, err := filepath.Glob(filepath.Join(w.dir, ".gymline/objects/blobs/sha256/*/*"))
	if err != nil {
		return err
	}
	v.Read = perSecond(v.Bytes, func(i int) {
		for ; i < len(blobs); i += runtime.NumCPU() {
			if f, err := os.Open(blobs[i]); err == nil {
				_, _ = io.Copy(io.Discard, struct{ io.Reader }{f}) // through a buffer, as any reader
				f.Close()
			}
		}
	})
	b.results.Verified = append(b.results.Verified, v)
	return nil
}

func (r *Results) printVerified(w io.Writer, tw *tabwriter.Writer) {
	if len(r.Verified) == 0 {
		return
	}
	fmt.Fprint(w, "\nA run read again, of bytes that cannot be compressed; the limit is the lesser of sha256 and of reading the store, by all processors\n\n")
	fmt.Fprintln(tw, "MB\tverify s\tCPU s\tpeak MB\tMB/s\tsha256 MB/s\tread MB/s\tof the limit\t")
	for _, v := range r.Verified {
		speed, of := v.speed()
		fmt.Fprintf(tw, "%d\t%s\t%s\t%d\t%.0f\t%.0f\t%.0f\t%.2f\t\n", v.Bytes>>20, seconds(v.Verify).text("%.2f"), cpu(v.Verify).text("%.2f"), v.Verify[0].RSS>>20,
			speed/(1<<20), v.SHA256/(1<<20), v.Read/(1<<20), of)
	}
	_ = tw.Flush()
}

// perSecond is how fast all processors together do what has so many bytes.
func perSecond(bytes int64, fn func(i int)) float64 {
	began := time.Now()
	var all sync.WaitGroup
	for i := range runtime.NumCPU() {
		all.Go(func() { fn(i) })
	}
	all.Wait()
	return float64(bytes) / time.Since(began).Seconds()
}
