package reproduce

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/gymline/gymline/internal/audit/closure"
	"github.com/gymline/gymline/internal/store"
)

// meeting is a bucket that answers once several ask at the same time.
type meeting struct {
	store.Bucket
	mu    sync.Mutex
	left  int
	begun chan struct{} // closed when enough have come
}

func (m *meeting) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	m.mu.Lock()
	if m.left--; m.left == 0 {
		close(m.begun)
	}
	m.mu.Unlock()
	select {
	case <-m.begun:
		return m.Bucket.Get(ctx, key)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A store far away is asked for many objects at once, and what is not what its digest says
// is not copied.
func TestObjectsAreCopiedSideBySide(t *testing.T) {
	t.Parallel()
	ctx, far := t.Context(), store.NewMem()
	from := store.New(far)
	var list []closure.Object
	for i := range 20 {
		d, err := from.PutBlob(ctx, fmt.Appendf(nil, "file %d", i))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, closure.Object{Key: store.BlobKey(d), Kind: closure.Input, Digest: d})
	}
	const segment = "ledger/a/b.jsonl.zst"
	if err := far.Create(ctx, segment, []byte("as it is")); err != nil {
		t.Fatal(err)
	}
	list = append(list, closure.Object{Key: segment, Kind: closure.Ledger})
	u := &rerun{Rerun: Rerun{From: store.New(&meeting{Bucket: far, left: len(list), begun: make(chan struct{})}), Scratch: store.New(store.NewMem())}}
	if err := u.copy(ctx, list); err != nil {
		t.Fatal(err)
	}
	for _, o := range list {
		was, err := from.ReadObject(ctx, o.Key)
		is, isErr := u.Scratch.ReadObject(ctx, o.Key)
		if err != nil || isErr != nil || string(was) != string(is) {
			t.Errorf("%s is %q, %v, and was %q, %v", o.Key, is, isErr, was, err)
		}
	}
	if err := far.Put(ctx, list[1].Key, strings.NewReader("no frame"), 8); err != nil {
		t.Fatal(err)
	}
	if err := u.copy(ctx, list[:2]); err == nil {
		t.Error("a blob that is not what its digest says was copied")
	}
}
