package verify

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/gymline/gymline/internal/audit/closure"
	"github.com/gymline/gymline/internal/llm/ledger"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/store"
)

// waiting bounds the objects that are known and not yet read.
const waiting = 256

// objects reads every object that can be reached, several at once.
func (v *verifier) objects() error {
	group, ctx := errgroup.WithContext(v.ctx)
	todo := make(chan closure.Object, waiting)
	for range 2*runtime.GOMAXPROCS(0) + 2 { // some wait for the store
		group.Go(func() error {
			for o := range todo {
				if err := v.object(o); err != nil {
					return err
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(todo)
		err := closure.Of(ctx, v.st, v.id, func(o closure.Object) error {
			select {
			case todo <- o:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		if errors.Is(err, store.ErrNotFound) { // what there is of it was told of
			err = nil
		}
		return err
	})
	return group.Wait()
}

// object reads one.
func (v *verifier) object(o closure.Object) error {
	if o.Err != nil {
		if errors.Is(o.Err, store.ErrNotFound) && o.Optional {
			return nil
		}
		return v.bad(o.Key, o.Err, meaning(o))
	}
	var n int64
	var err error
	switch {
	case strings.HasPrefix(o.Key, "blobs/"):
		n, err = v.blob(o)
	case o.Kind == closure.Export:
		n, err = v.copied(o)
	case o.Kind == closure.HandIn: // the run's own step holds it against its digests when it takes it over
	case o.Kind == closure.Ledger:
		err = ledger.Verify(v.ctx, v.st.Bucket(), o.Key)
	default:
		n, err = v.document(o)
	}
	if errors.Is(err, store.ErrNotFound) && o.Optional {
		return nil
	}
	v.mu.Lock()
	v.result.Objects, v.result.Bytes = v.result.Objects+1, v.result.Bytes+n
	objects, read := v.result.Objects, v.result.Bytes
	v.mu.Unlock()
	if v.opt.Told != nil {
		v.opt.Told(objects, read)
	}
	return v.bad(o.Key, err, meaning(o))
}

// meaning is what it is to the run that an object cannot be read.
func meaning(o closure.Object) string {
	return o.Why + ": it is not what was recorded"
}

// blob reads a blob to its end, where its digest is held against its bytes, and counts its
// rows where a step says how many it has.
func (v *verifier) blob(o closure.Object) (int64, error) {
	r, err := v.st.OpenBlob(v.ctx, o.Digest)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	of, counted := v.lines[o.Digest]
	if !counted {
		n, err := io.Copy(io.Discard, r)
		return n, v.sized(o, n, err)
	}
	var n, lines int64
	var ended error
	if of.ledger {
		lines, n, ended, err = v.rowLedger(r)
	} else {
		c := &lineCounter{}
		n, err = io.Copy(c, r)
		lines = c.lines
	}
	if err == nil && ended != nil {
		v.problem(o.Key, "a row ledger, in which each row ends once", ended.Error(), of.by+" does not account for its rows")
	}
	if err == nil && ended == nil && lines != of.rows {
		v.problem(o.Key, fmt.Sprintf("%d rows, as the record of %s says", of.rows, of.by), fmt.Sprintf("%d", lines), "the record or the artifact was altered")
	}
	return n, v.sized(o, n, err)
}

// sized holds an object's bytes against what the record says that names it.
func (v *verifier) sized(o closure.Object, n int64, err error) error {
	if err == nil && o.Bytes > 0 && n != o.Bytes && o.Kind != closure.Input && o.Kind != closure.Checkpoint {
		v.problem(o.Key, fmt.Sprintf("%d bytes, as the record says (%s)", o.Bytes, o.Why), fmt.Sprintf("%d bytes", n), "the record was altered")
	}
	return err
}

type lineCounter struct{ lines int64 }

func (c *lineCounter) Write(p []byte) (int, error) {
	c.lines += int64(bytes.Count(p, []byte("\n")))
	return len(p), nil
}

// rowLedger counts a row ledger's rows. ended is what is wrong with one, err with the blob.
func (v *verifier) rowLedger(r io.Reader) (lines, n int64, ended, err error) {
	in := bufio.NewReaderSize(r, 1<<16)
	var counts rows.Counts
	for {
		line, err := in.ReadBytes('\n')
		n += int64(len(line))
		if len(line) > 0 {
			lines++
			var row rows.Row
			if bad := json.Unmarshal(line, &row); bad != nil && ended == nil {
				ended = fmt.Errorf("line %d: %w", lines, bad)
			} else if bad := counts.Add(row); bad != nil && ended == nil {
				ended = fmt.Errorf("line %d: %w", lines, bad)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return lines, n, nil, err
		}
	}
	if sum := counts.Accepted + counts.Rejected + counts.Failed + counts.Truncated; ended == nil && sum != counts.Planned {
		ended = fmt.Errorf("%d rows of %d have an end", sum, counts.Planned)
	}
	return lines, n, ended, nil
}

// A piece is how much of a plain copy is read at once, since reading costs a call each time.
type piece [128 << 10]byte

var pieces = sync.Pool{New: func() any { return new(piece) }}

// copied reads a plain copy.
func (v *verifier) copied(o closure.Object) (int64, error) {
	r, err := v.st.Bucket().Get(v.ctx, o.Key)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	h := sha256.New()
	buf := pieces.Get().(*piece)
	defer pieces.Put(buf)
	n, err := io.CopyBuffer(h, r, buf[:])
	if got := hex.EncodeToString(h.Sum(nil)); err == nil && got != string(o.Digest) {
		v.problem(o.Key, "sha256 "+string(o.Digest), "sha256 "+got, o.Why+": a trainer would read other than was made")
	}
	return n, err
}

// document reads a record for what it is: JSON, of the run or name that its key says.
func (v *verifier) document(o closure.Object) (int64, error) {
	data, err := v.st.ReadObject(v.ctx, o.Key)
	if err != nil || o.Kind == closure.Signature || strings.HasSuffix(o.Key, "/plan.json") {
		return int64(len(data)), err
	}
	var head struct {
		Format  int         `json:"format"`
		Run     store.RunID `json:"run"`
		Account store.RunID `json:"account"`
		Tag     string      `json:"tag"`
		Number  json.Number `json:"number"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return int64(len(data)), fmt.Errorf("it is no JSON: %w", err)
	}
	parts := strings.Split(strings.TrimSuffix(o.Key, ".json"), "/")
	own := string(head.Run)
	switch {
	case o.Kind == closure.Tag:
		own = head.Tag
	case parts[0] == "runs" && len(parts) > 2 && parts[2] == "spend":
		own = string(head.Account)
	}
	numbered := parts[0] == "notes" || parts[0] == "tags" || parts[0] == "pins" || len(parts) > 2 && (parts[2] == "acts" || parts[2] == "spend")
	switch last := parts[len(parts)-1]; {
	case head.Format < 1:
		v.problem(o.Key, "a format", "none", meaning(o))
	case own != parts[1]:
		v.problem(o.Key, "a record of "+parts[1], "one of "+own, "it was moved there from elsewhere")
	case numbered && head.Number.String() != last:
		v.problem(o.Key, "number "+last, "number "+head.Number.String(), "it was moved there from elsewhere")
	}
	return int64(len(data)), nil
}
