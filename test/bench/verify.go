package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"
)

// Verified is a run that is read again, whole, and what bounds how fast that can be: each on
// all processors and of as many bytes, in turn with verify, since others may use the machine.
type Verified struct {
	Bytes  int64  `json:"bytes"` // decoded, which cannot be compressed
	Verify []Cost `json:"verify"`
	SHA256 []Cost `json:"sha256"`     // of what is in memory
	Read   []Cost `json:"read"`       // of the store's files
	Both   []Cost `json:"readSHA256"` // of the store's files, by the simplest program
}

// of is verify's speed against another's, pair by pair.
func (v *Verified) of(other []Cost, took func(Cost) float64) Spread {
	var ratios []float64
	for i := range other {
		ratios = append(ratios, took(other[i])/took(v.Verify[i]))
	}
	return spread(ratios, func(r float64) float64 { return r })
}

// limit is the slower of hashing and reading, each time.
func (v *Verified) limit() (list []Cost) {
	for i, c := range v.SHA256 {
		if v.Read[i].Seconds > c.Seconds {
			c = v.Read[i]
		}
		list = append(list, c)
	}
	return list
}

const pieceSize = 8 << 20

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
	data := make([]byte, pieceSize)
	pieces := b.scaled(100)
	for n := range pieces {
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
	blobs, err := filepath.Glob(filepath.Join(w.dir, ".gymline/objects/blobs/sha256/*/*"))
	if err != nil {
		return err
	}
	for range b.repeat {
		v.SHA256 = append(v.SHA256, onAll(pieces, func(int, []byte) { sha256.Sum256(data) }))
		v.Read = append(v.Read, onAll(len(blobs), func(i int, buf []byte) { eachPiece(blobs[i], buf, func([]byte) {}) }))
		v.Both = append(v.Both, onAll(len(blobs), func(i int, buf []byte) {
			h := sha256.New()
			eachPiece(blobs[i], buf, func(p []byte) { h.Write(p) })
		}))
		cost, _, err := w.run(ctx, b.gymline, "verify", "many-1")
		if err != nil {
			return err
		}
		v.Verify = append(v.Verify, cost)
	}
	b.results.Verified = append(b.results.Verified, v)
	return nil
}

// eachPiece reads a file, as any program would.
func eachPiece(name string, buf []byte, fn func([]byte)) {
	f, err := os.Open(name)
	if err != nil {
		panic(err) // of the store that was just made
	}
	defer f.Close()
	for {
		n, err := f.Read(buf)
		fn(buf[:n])
		if errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			panic(err)
		}
	}
}

func (r *Results) printVerified(w io.Writer, tw *tabwriter.Writer) {
	if len(r.Verified) == 0 {
		return
	}
	fmt.Fprint(w, "\nA run read again, of bytes that cannot be compressed. Each is on all processors and of as many bytes;\n"+
		"the limit is the slower of sha256 and of reading the store's files, which verify does both\n\n")
	wall, processors := func(c Cost) float64 { return c.Seconds }, func(c Cost) float64 { return c.CPU }
	fmt.Fprintln(tw, "MB\tof\ts\tCPU s\tMB/s\tverify's speed of it\tby CPU s\t")
	for _, v := range r.Verified {
		for _, row := range []struct {
			name string
			list []Cost
		}{{"verify", v.Verify}, {"sha256", v.SHA256}, {"read", v.Read}, {"the limit", v.limit()}, {"read and sha256", v.Both}} {
			fmt.Fprintf(tw, "%d\t%s\t%s\t%s\t%.0f\t%s\t%s\t\n", v.Bytes>>20, row.name, seconds(row.list).text("%.2f"), cpu(row.list).text("%.2f"),
				float64(v.Bytes>>20)/seconds(row.list).Median, v.of(row.list, wall).text("%.2f"), v.of(row.list, processors).text("%.2f"))
		}
		_ = tw.Flush()
		fmt.Fprintf(w, "verify took %d MB of memory\n", v.Verify[0].RSS>>20)
	}
}

// onAll has all processors do n things, each with a buffer.
func onAll(n int, fn func(i int, buf []byte)) Cost {
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	began := time.Now()
	var all sync.WaitGroup
	for first := range runtime.NumCPU() {
		all.Go(func() {
			buf := make([]byte, 128<<10)
			for i := first; i < n; i += runtime.NumCPU() {
				fn(i, buf)
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	used := func(r syscall.Rusage) int64 { return r.Utime.Nano() + r.Stime.Nano() }
	return Cost{Seconds: took.Seconds(), CPU: time.Duration(used(after) - used(before)).Seconds()}
}
