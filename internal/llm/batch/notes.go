package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

const (
	format = 1          // of the records
	folder = "batches/" // in what the bucket keeps of a model
)

// Notes are what the bucket knows of batches. Each has up to three records,
// all written once: its note, before anything is sent; which batch of the
// provider's it became, or that it became none; and that it is closed.
type notes struct {
	bucket store.Bucket
	prefix string
}

// The records' names follow a batch's mark.
const (
	noteSuffix   = ".json"
	claimSuffix  = ".batch.json"
	closedSuffix = ".closed.json"
)

type noteRecord struct {
	Format  int       `json:"format"`
	Created time.Time `json:"created"`
	Try     int       `json:"try,omitempty"` // tells apart notes that would be the same
	Keys    []llm.Key `json:"keys"`          // the custom IDs, in the file's order
}

// A claim with no ID says that the note was given up.
type claimRecord struct {
	Format int    `json:"format"`
	ID     string `json:"id,omitempty"`
}

type closedRecord struct {
	Format int `json:"format"`
}

// write notes a batch that is about to be sent. Its mark is the digest of
// the record.
func (n notes) write(ctx context.Context, keys []llm.Key, now time.Time) (*entry, error) {
	for try := 0; ; try++ {
		data, err := encode(noteRecord{format, now.UTC(), try, keys})
		if err != nil {
			return nil, err
		}
		e := newEntry(string(store.DigestOf(data)), keys, now)
		err = n.bucket.Create(ctx, n.prefix+e.mark+noteSuffix, data)
		if err == nil {
			return e, nil
		}
		if !errors.Is(err, store.ErrExists) {
			return nil, fmt.Errorf("batch: note: %w", err)
		}
	}
}

// claim says which batch a note became, once: whoever is first decides. It
// returns what holds.
func (n notes) claim(ctx context.Context, mark, id string) (holds string, err error) {
	data, err := encode(claimRecord{format, id})
	if err != nil {
		return "", err
	}
	err = n.bucket.Create(ctx, n.prefix+mark+claimSuffix, data)
	if errors.Is(err, store.ErrExists) {
		var c claimRecord
		err = n.read(ctx, mark+claimSuffix, &c)
		return c.ID, err
	}
	if err != nil {
		return "", fmt.Errorf("batch: note: %w", err)
	}
	return id, nil
}

// close says that nothing of a batch need be read again.
func (n notes) close(ctx context.Context, mark string) error {
	data, err := encode(closedRecord{format})
	if err != nil {
		return err
	}
	if err := n.bucket.Create(ctx, n.prefix+mark+closedSuffix, data); err != nil && !errors.Is(err, store.ErrExists) {
		return fmt.Errorf("batch: note: %w", err)
	}
	return nil
}

// marks returns the batches that are not closed, and whether each has a claim.
// One listing tells.
func (n notes) marks(ctx context.Context) (map[string]bool, error) {
	open, done := map[string]bool{}, map[string]bool{}
	for key, err := range n.bucket.List(ctx, n.prefix) {
		if err != nil {
			return nil, fmt.Errorf("batch: note: %w", err)
		}
		mark, kind, _ := strings.Cut(strings.TrimPrefix(key, n.prefix), ".")
		switch "." + kind {
		case noteSuffix:
			open[mark] = open[mark] || false
		case claimSuffix:
			open[mark] = true
		case closedSuffix:
			done[mark] = true
		}
	}
	for mark := range done {
		delete(open, mark)
	}
	return open, nil
}

// entry reads a batch's records.
func (n notes) entry(ctx context.Context, mark string, hasClaim bool) (*entry, error) {
	var p noteRecord
	if err := n.read(ctx, mark+noteSuffix, &p); err != nil {
		return nil, err
	}
	e := newEntry(mark, p.Keys, p.Created)
	e.adopted = true
	if !hasClaim {
		return e, nil
	}
	var c claimRecord
	if err := n.read(ctx, mark+claimSuffix, &c); err != nil {
		return nil, err
	}
	e.id, e.void = c.ID, c.ID == ""
	return e, nil
}

// maxRecord bounds a record's bytes: a note has 67 for each of its requests.
const maxRecord = 16 << 20

func (n notes) read(ctx context.Context, name string, into any) error {
	body, err := n.bucket.Get(ctx, n.prefix+name)
	if err != nil {
		return fmt.Errorf("batch: note: %w", err)
	}
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, maxRecord))
	if err != nil {
		return fmt.Errorf("batch: note: %w", err)
	}
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return n.damaged(name, err)
	}
	if head.Format != format {
		return fault.New(fault.Config, fmt.Errorf("batch: note: %s%s: format %d, and this gymline reads %d", n.prefix, name, head.Format, format), "use a newer gymline")
	}
	if err := json.Unmarshal(data, into); err != nil {
		return n.damaged(name, err)
	}
	return nil
}

func (n notes) damaged(name string, err error) error {
	return fault.New(fault.Permanent, fmt.Errorf("batch: note: %s%s: %w: %w", n.prefix, name, store.ErrCorrupt, err),
		"restore the object, or remove it to ask anew what its batch may have answered already")
}

func encode(record any) ([]byte, error) {
	data, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("batch: note: %w", err)
	}
	return append(data, '\n'), nil
}
