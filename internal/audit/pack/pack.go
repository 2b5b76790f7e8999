// Package pack carries a whole run as one archive, from any store to any other.
//
// An archive is a tar file. Its first entry, gymline.json, says what it is; its last,
// end.json, that it is whole: how many objects there are, and a digest over their names
// and digests. Between them is what closure tells of the run, each object under its key
// and as it is stored: first blobs, plain copies and recorded exchanges, then records,
// and the run's own record last of all. Left out are tags and pins, which are the store's,
// what says that a process is at work, and notes of batches that are under way.
//
// The same run gives the same bytes: names, order and headers follow from the store alone.
// Every byte is checked as it goes, both ways: a blob by its digest, any other entry by
// the one in its header (GYMLINE.sha256), a plain copy by the list of its export as well,
// and a record by what the run's seal binds, where it does. What is held in memory does
// not grow with the run's size, but with its records by their keys.
//
// Unpack stores in the order of the store's format, so that a cut leaves nothing half
// visible: what came whole stays, and unpacking again goes on from there. Where
// GYMLINE.after is "all", all before an entry is stored before it is.
package pack

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gymline/gymline/internal/audit/closure"
	"github.com/gymline/gymline/internal/store"
)

// FormatVersion is written into every archive.
const FormatVersion = 1

// Names of entries and fields of headers.
const (
	headName = "gymline.json"
	endName  = "end.json"
	sumField = "GYMLINE.sha256"
	after    = "GYMLINE.after"
)

// A head is the first entry.
type head struct {
	Format int          `json:"format"`
	Run    store.RunID  `json:"run"`
	Record store.Digest `json:"record"` // of the run's own record
}

// An end is the last entry.
type end struct {
	Objects int    `json:"objects"`
	SHA256  string `json:"sha256"` // over "NAME DIGEST\n" of each
}

// A Packed is what was carried.
type Packed struct {
	Run     store.RunID
	Objects int
	Bytes   int64 // as they are stored
	// There are objects that unpacking found in the store already.
	There int
}

// small is up to how many bytes an object is held in memory, and atOnce how many.
const (
	small  = 1 << 20
	atOnce = 64
)

// A packer writes an archive.
type packer struct {
	ctx   context.Context //nolint:containedctx // of one archive
	st    *store.Store
	id    store.RunID
	tw    *tar.Writer
	sum   hash.Hash
	done  Packed
	bound map[string]store.Digest // by key, where the run's seal binds its records
	next  []entry                 // to be read together
	later []entry                 // records, which come last
	// copies are plain ones whose list is not told of yet.
	copies []entry
}

// An entry is an object that goes into the archive.
type entry struct {
	closure.Object
	after bool
	body  []byte // nil: it is large
}

// Pack writes a run to w.
func Pack(ctx context.Context, st *store.Store, id store.RunID, w io.Writer) (Packed, error) {
	p := &packer{ctx: ctx, st: st, id: id, tw: tar.NewWriter(w), sum: sha256.New(), done: Packed{Run: id}}
	record, err := p.st.ReadObject(ctx, runKey(id))
	if err != nil {
		return p.done, err
	}
	if err := p.json(headName, head{FormatVersion, id, store.DigestOf(record)}); err != nil {
		return p.done, err
	}
	if p.bound, err = boundBy(ctx, st, id); err != nil {
		return p.done, err
	}
	if err := closure.Of(ctx, st, id, p.take); err != nil {
		return p.done, err
	}
	if err := p.flush(); err != nil {
		return p.done, err
	}
	if err := p.records(); err != nil {
		return p.done, err
	}
	for key := range p.bound {
		if ofOwn(id, key) {
			return p.done, p.lost(entry{Object: closure.Object{Key: key, Why: "bound by the seal"}}, store.ErrNotFound)
		}
	}
	if err := p.json(endName, end{p.done.Objects, hex.EncodeToString(p.sum.Sum(nil))}); err != nil {
		return p.done, err
	}
	return p.done, p.tw.Close()
}

func runKey(id store.RunID) string { return "runs/" + string(id) + "/run.json" }

// take sorts an object in.
func (p *packer) take(o closure.Object) error {
	if o.Err != nil {
		return fmt.Errorf("run %s cannot be packed whole: %s (%s): %w", p.id, o.Key, o.Why, o.Err)
	}
	e := entry{Object: o}
	switch o.Kind {
	case closure.Tag, closure.Pin, closure.HandIn:
		return nil
	case closure.Ledger:
		if strings.Contains(o.Key, "/batches/") {
			return nil
		}
	case closure.Source, closure.Draft, closure.Binding, closure.Input, closure.Output, closure.Checkpoint:
		e.after = strings.HasPrefix(o.Why, "list of ")
	case closure.Export: // their list goes before them, so that who unpacks them knows them
		if p.copies = append(p.copies, e); !strings.HasPrefix(o.Why, "list of ") {
			return nil
		}
		return p.export()
	default:
		if o.Key != "runs/"+string(p.id)+"/alive.json" && o.Key != runKey(p.id) {
			p.later = append(p.later, e)
		}
		return nil
	}
	return p.add(e)
}

// export writes the list of plain copies, and the copies.
func (p *packer) export() error {
	n := len(p.copies) - 1
	for _, e := range slices.Concat(p.copies[n:], p.copies[:n]) {
		if err := p.add(e); err != nil {
			return err
		}
	}
	p.copies = nil
	return nil
}

// add has an entry written with its next ones.
func (p *packer) add(e entry) error {
	if p.next = append(p.next, e); len(p.next) < atOnce {
		return nil
	}
	return p.flush()
}

// records writes what was kept for the end: all other records after what they name, and
// the run's own after them.
func (p *packer) records() error {
	for i, e := range p.later {
		e.after = i == 0
		if err := p.add(e); err != nil {
			return err
		}
	}
	if err := p.add(entry{Object: closure.Object{Key: runKey(p.id), Kind: closure.Record}, after: true}); err != nil {
		return err
	}
	return p.flush()
}

// flush reads small objects side by side and writes all in their order.
func (p *packer) flush() error {
	list := p.next
	p.next = nil
	absent := make([]bool, len(list))
	err := store.SideBySide(p.ctx, len(list), func(i int) error {
		body, err := p.st.Bucket().Get(p.ctx, list[i].Key)
		if errors.Is(err, store.ErrNotFound) && list[i].Optional {
			absent[i] = true
			return nil
		}
		if err != nil {
			return p.lost(list[i], err)
		}
		defer body.Close()
		data, err := io.ReadAll(io.LimitReader(body, small+1))
		if err == nil && len(data) <= small {
			list[i].body = data
		}
		return err
	})
	for i := 0; i < len(list) && err == nil; i++ {
		if !absent[i] {
			err = p.write(list[i])
		}
	}
	return err
}

func (p *packer) lost(e entry, err error) error {
	return fmt.Errorf("run %s cannot be packed whole: %s (%s): %w", p.id, e.Key, e.Why, err)
}

// write writes an object, checked.
func (p *packer) write(e entry) error {
	h := tar.Header{Typeflag: tar.TypeReg, Name: e.Key, Mode: 0o600, ModTime: time.Unix(0, 0), Size: int64(len(e.body)), PAXRecords: map[string]string{}}
	if e.after {
		h.PAXRecords[after] = "all"
	}
	digest, blob := blobOf(e.Key)
	if e.body == nil {
		size, err := p.st.Bucket().Stat(p.ctx, e.Key)
		if err != nil {
			return p.lost(e, err)
		}
		h.Size = size
	}
	if !blob {
		sum, err := p.digest(e)
		want, bound := p.bound[e.Key]
		if err == nil && (e.Kind == closure.Export && sum != e.Digest || bound && sum != want) {
			err = store.ErrCorrupt
		}
		if err == nil && e.Kind == closure.Ledger {
			err = p.exchanges(e)
		}
		if err != nil {
			return p.lost(e, err)
		}
		digest, h.PAXRecords[sumField] = sum, string(sum)
		delete(p.bound, e.Key)
	}
	if err := p.tw.WriteHeader(&h); err != nil {
		return err
	}
	fmt.Fprintf(p.sum, "%s %s\n", e.Key, digest)
	p.done.Objects, p.done.Bytes = p.done.Objects+1, p.done.Bytes+h.Size
	if err := p.copy(e, digest, blob); err != nil {
		return p.lost(e, err)
	}
	return nil
}

func (p *packer) copy(e entry, digest store.Digest, blob bool) error {
	switch {
	case e.body != nil && blob:
		if err := store.CheckFrame(digest, bytes.NewReader(e.body)); err != nil {
			return err
		}
		fallthrough
	case e.body != nil:
		_, err := p.tw.Write(e.body)
		return err
	case blob:
		return p.st.CopyFrame(p.ctx, digest, p.tw)
	}
	body, err := p.st.Bucket().Get(p.ctx, e.Key)
	if err != nil {
		return err
	}
	defer body.Close()
	sum := sha256.New()
	if _, err := io.Copy(p.tw, io.TeeReader(body, sum)); err != nil {
		return err
	}
	if store.Digest(hex.EncodeToString(sum.Sum(nil))) != digest {
		return store.ErrCorrupt // since it was read before
	}
	return nil
}

// digest is of an object's bytes.
func (p *packer) digest(e entry) (store.Digest, error) {
	if e.body != nil {
		return store.DigestOf(e.body), nil
	}
	body, err := p.st.Bucket().Get(p.ctx, e.Key)
	if err != nil {
		return "", err
	}
	defer body.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, body)
	return store.Digest(hex.EncodeToString(sum.Sum(nil))), err
}

// json writes an entry of the archive's own.
func (p *packer) json(name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	data = append(data, '\n')
	h := tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, ModTime: time.Unix(0, 0), Size: int64(len(data))}
	if err := p.tw.WriteHeader(&h); err != nil {
		return err
	}
	_, err = p.tw.Write(data)
	return err
}

// maxRecord bounds a record, in bytes, as the store does.
const maxRecord = 64 << 20

// blobOf is the digest of the blob at a key.
func blobOf(key string) (store.Digest, bool) {
	d := store.Digest(key[strings.LastIndexByte(key, '/')+1:])
	return d, d.Valid() && key == store.BlobKey(d)
}
