package storetest

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/gymline/gymline/internal/store"
)

// Bench measures how fast a bucket takes in what runs write: segments of a
// megabyte (MB/s), and small records, one after another and side by side.
func Bench(b *testing.B, bucket store.Bucket) {
	var n atomic.Int64
	key := func() string { return fmt.Sprintf("runs/a-1/steps/s/%d.json", n.Add(1)) }
	b.Run("put-1MiB", func(b *testing.B) {
		segment := make([]byte, 1<<20)
		for i := range segment {
			segment[i] = byte(i * i >> 7)
		}
		b.SetBytes(int64(len(segment)))
		for b.Loop() {
			if err := bucket.Put(b.Context(), key(), bytes.NewReader(segment), int64(len(segment))); err != nil {
				b.Fatal(err)
			}
		}
	})
	record := make([]byte, 800)
	create := func(b *testing.B) {
		if err := bucket.Create(b.Context(), key(), record); err != nil {
			b.Error(err)
		}
	}
	b.Run("create-800B", func(b *testing.B) {
		for b.Loop() {
			create(b)
		}
	})
	b.Run("create-800B-parallel", func(b *testing.B) {
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				create(b)
			}
		})
	})
}
