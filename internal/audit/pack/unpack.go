package pack

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/gymline/gymline/internal/audit/closure"
	"github.com/gymline/gymline/internal/store"
)

// ErrNone says that what is read is no archive at all.
var ErrNone = errors.New("it is no archive of a run")

// ErrCut says that an archive ends before its end.
var ErrCut = errors.New("the archive is cut off")

// ErrRefused says that an archive has what no archive of a run may have.
var ErrRefused = errors.New("the archive is refused")

// ErrOther says that a store has another run of that name.
var ErrOther = errors.New("another run has that name")

// togetherBytes and together bound what is stored at once.
const (
	togetherBytes = 32 << 20
	together      = 4096
)

// An unpacker stores an archive.
type unpacker struct {
	ctx  context.Context //nolint:containedctx // of one archive
	st   *store.Store
	tr   *tar.Reader
	head head
	sum  hash.Hash
	done Packed

	put, calls, once []store.Object   // to be stored together: blobs and copies, exchanges, records
	held             int              // bytes of these
	exports          map[string]*list // by prefix; those whose files are still to come
	others           []store.Object   // that stand below another run's name
	waiting          int              // bytes of these
	came             closure.Set
	records          map[string]store.Digest // by key
	last             bool                    // the run's own record has come
	steps            []memo                  // to be made findable at the end
}

// A memo is a step record that is found by its work.
type memo struct {
	key  string // of the memo
	from string // of the record
}

// Unpack stores the run of an archive. What is there already and whole is left. After an
// error what was stored stays, and no run of it is visible; unpacking again goes on.
func Unpack(ctx context.Context, st *store.Store, in io.Reader) (Packed, error) {
	r := bufio.NewReader(in)
	if first, err := r.Peek(len(headName)); !strings.HasPrefix(headName, string(first)) {
		return Packed{}, ErrNone
	} else if err != nil && !errors.Is(err, io.EOF) {
		return Packed{}, fmt.Errorf("read the archive: %w", err)
	}
	u := &unpacker{ctx: ctx, st: st, tr: tar.NewReader(r), sum: sha256.New(), exports: map[string]*list{}, records: map[string]store.Digest{}}
	if err := u.open(); err != nil {
		return u.done, err
	}
	for {
		h, err := u.tr.Next()
		if err != nil {
			return u.done, u.broken(err)
		}
		if h.Name == endName {
			return u.done, u.end(h)
		}
		if err := u.entry(h); err != nil {
			return u.done, err
		}
	}
}

// broken says of a read that failed that the archive ends, where it does.
func (u *unpacker) broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		if u.done.Objects == 0 {
			return fmt.Errorf("%w before its first object, and nothing of it is stored", ErrCut)
		}
		kept := errors.Join(u.missing(u.put), u.each(u.calls, u.exchange)) // records come when all that they name has
		return errors.Join(fmt.Errorf("%w after %d objects; they are kept: unpack a whole one to go on from there", ErrCut, u.done.Objects), kept)
	}
	return fmt.Errorf("read the archive: %w", err)
}

// open reads the head and looks for another run of that name.
func (u *unpacker) open() error {
	h, err := u.tr.Next()
	if err == nil && h.Name != headName || errors.Is(err, tar.ErrHeader) {
		return ErrNone
	}
	var data []byte
	if err == nil {
		data, err = io.ReadAll(io.LimitReader(u.tr, small))
	}
	if err == nil {
		if json.Unmarshal(data, &u.head) != nil {
			return ErrNone
		}
	}
	if err != nil {
		return u.broken(err)
	}
	if u.head.Format != FormatVersion {
		return fmt.Errorf("the archive has format %d, and this gymline reads %d: use a newer gymline", u.head.Format, FormatVersion)
	}
	if _, err := u.st.HandIn(u.head.Run, "x"); err != nil { // it checks the name
		return err
	}
	if store.Overnumbered(u.head.Run) {
		return fmt.Errorf("%w: it is of run %s, and no run has so high a number", ErrRefused, u.head.Run)
	}
	u.done.Run = u.head.Run
	there, err := u.st.ReadObject(u.ctx, runKey(u.head.Run))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil && store.DigestOf(there) != u.head.Record {
		err = fmt.Errorf("run %s of this store is not the one in the archive: %w", u.head.Run, ErrOther)
	}
	return err
}

// entry stores one object, or has it stored with the next ones.
func (u *unpacker) entry(h *tar.Header) error {
	place, err := u.place(h.Name)
	if err == nil && (h.Typeflag != tar.TypeReg || h.Size < 0 || sparse(h)) {
		err = errors.New("it is no plain file")
	}
	if err == nil && u.last {
		err = errors.New("the run's own record, which is the last, came before it")
	}
	if err != nil {
		return fmt.Errorf("%w: it has %q: %w", ErrRefused, h.Name, err)
	}
	if h.PAXRecords[after] == "all" {
		if err := u.flush(); err != nil {
			return err
		}
	}
	digest, blob := blobOf(h.Name)
	if !blob {
		digest = store.Digest(h.PAXRecords[sumField])
	}
	if place == aRecord && h.Size > maxRecord {
		return fmt.Errorf("%w: it has %q, a record of %d bytes", ErrRefused, h.Name, h.Size)
	}
	switch {
	case place == aSegment || place == aJournal:
		err = u.exchanges(h, digest)
	case h.Size > small && place != aRecord:
		err = u.large(h, digest, blob, place)
	default:
		err = u.small(h, digest, blob, place)
	}
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return u.broken(err)
		}
		return fmt.Errorf("%s: %w", h.Name, err)
	}
	fmt.Fprintf(u.sum, "%s %s\n", h.Name, digest)
	u.came.Add(h.Name)
	u.done.Objects, u.done.Bytes = u.done.Objects+1, u.done.Bytes+h.Size
	return nil
}

// sparse reports whether a file has more bytes than the archive has of it.
func sparse(h *tar.Header) bool {
	for name := range h.PAXRecords {
		if strings.HasPrefix(name, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// hold has what is held stored once it is enough.
func (u *unpacker) hold(bytes int) error {
	u.held += bytes
	if len(u.put)+len(u.calls)+len(u.once) < together && u.held < togetherBytes {
		return nil
	}
	return u.flush()
}

// small holds an object, checked, until it is stored with others.
func (u *unpacker) small(h *tar.Header, digest store.Digest, blob bool, place place) error {
	data, err := io.ReadAll(u.tr)
	if err != nil {
		return err
	}
	if blob {
		err = store.CheckFrame(digest, bytes.NewReader(data))
	} else if store.DigestOf(data) != digest {
		err = store.ErrCorrupt
	}
	if err != nil {
		return err
	}
	o := store.Object{Key: h.Name, Body: data}
	switch place {
	case aCopy:
		later, err := u.copied(h.Name, digest, data)
		if err != nil || later {
			return err
		}
	case aRecord:
		u.records[h.Name] = digest
		return u.record(o)
	}
	u.put = append(u.put, o)
	return u.hold(len(data))
}

// record holds a record until it is stored with others.
func (u *unpacker) record(o store.Object) error {
	switch {
	case o.Key == runKey(u.head.Run):
		return u.own(o)
	case spends.MatchString(o.Key), stones.MatchString(o.Key):
		return u.elsewhere(o)
	}
	u.once = append(u.once, o)
	if err := u.remember(o); err != nil {
		return err
	}
	return u.hold(len(o.Body))
}

// large stores an object as it is read.
func (u *unpacker) large(h *tar.Header, digest store.Digest, blob bool, place place) error {
	if place == aCopy {
		if _, err := u.copied(h.Name, digest, nil); err != nil {
			return err
		}
	}
	there, err := u.hereWhole(h.Name, digest, blob)
	if err != nil {
		return err
	}
	switch {
	case there && blob:
		u.done.There++
		return store.CheckFrame(digest, u.tr)
	case there:
		u.done.There++
		return summed(u.tr, digest)
	case blob:
		return u.st.PutFrame(u.ctx, digest, u.tr)
	}
	return u.st.PutPlain(u.ctx, h.Name, digest, u.tr)
}

func summed(r io.Reader, want store.Digest) error {
	sum := sha256.New()
	_, err := io.Copy(sum, r)
	if err == nil && store.Digest(hex.EncodeToString(sum.Sum(nil))) != want {
		err = store.ErrCorrupt
	}
	return err
}

// end checks that nothing is missing, and makes the run's work findable.
func (u *unpacker) end(h *tar.Header) error {
	var want end
	data, err := io.ReadAll(io.LimitReader(u.tr, min(h.Size, small)))
	if err == nil {
		err = json.Unmarshal(data, &want)
	}
	if err != nil {
		return u.broken(err)
	}
	if want.Objects != u.done.Objects || want.SHA256 != hex.EncodeToString(u.sum.Sum(nil)) {
		return fmt.Errorf("the archive is altered: it has %d objects, and should have %d others: %w", u.done.Objects, want.Objects, store.ErrCorrupt)
	}
	if !u.last {
		return fmt.Errorf("the archive has no %s: %w", runKey(u.head.Run), store.ErrCorrupt)
	}
	if err := u.flush(); err != nil {
		return err
	}
	return u.memos()
}
