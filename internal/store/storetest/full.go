package storetest

import (
	"io"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/store"
)

// FullDisk writes to a bucket until its disk is full, and then asserts a
// Transient error with a Fix, and nothing half visible.
func FullDisk(t *testing.T, b store.Bucket) {
	const size = 3 * mib
	s := store.New(b)
	want := map[string]bool{}
	for i := range uint64(200) {
		d, err := putBlob(t.Context(), s, noise(i, size))
		if err == nil {
			want["blobs/sha256/"+string(d[:2])+"/"+string(d)] = true
			continue
		}
		WantError(t, err, store.Transient, "full")
		d = digestOf(t, noise(i, size))
		if ok, err := s.HasBlob(t.Context(), d); err != nil || ok {
			t.Errorf("the blob that did not fit: %v, %v", ok, err)
		}
		for key := range want {
			if _, err := readBlob(t.Context(), s, store.Digest(key[strings.LastIndexByte(key, '/')+1:]), io.Discard); err != nil {
				t.Errorf("a blob from before: %v", err)
			}
		}
		if got := listed(t, b, ""); len(got) != len(want) || len(want) == 0 {
			t.Errorf("%d keys are listed, want %d", len(got), len(want))
		}
		return
	}
	t.Fatal("the disk was never full")
}
