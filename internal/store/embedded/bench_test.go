package embedded

import (
	"fmt"
	"sync/atomic"
	"testing"
)

// BenchmarkCreate is one small record after another; the parallel one, as many
// as a run has in flight.
func BenchmarkCreate(b *testing.B) {
	record := make([]byte, 800)
	bucket := open(b, start(b, b.TempDir()), "")
	var n atomic.Int64
	key := func() string { return fmt.Sprintf("runs/a-1/steps/s/%d.json", n.Add(1)) }
	b.Run("serial", func(b *testing.B) {
		for b.Loop() {
			if err := bucket.Create(b.Context(), key(), record); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := bucket.Create(b.Context(), key(), record); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
