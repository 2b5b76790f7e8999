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

	"github.com/gymline/gymline/internal/store"
)

// ErrCut says that an archive ends before its end.
var ErrCut = errors.New("the archive is cut off")

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

	put, once []store.Object // to be stored together
	held      int64
	exports   map[string]*list // by prefix; those whose files are still to come
	steps     []memo           // to be made findable at the end
}

// A memo is a step record that is found by its work.
type memo struct {
	key  string // of the memo
	from string // of the record
}

// Unpack stores the run of an archive. What is there already and whole is left. After an
// error what was stored stays, and no run of it is visible; unpacking again goes on.
func Unpack(ctx context.Context, st *store.Store, r io.Reader) (Packed, error) {
	u := &unpacker{ctx: ctx, st: st, tr: tar.NewReader(r), sum: sha256.New(), exports: map[string]*list{}}
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
		kept := u.missing(u.put) // of blobs and the like; records come when all that they name has
		return errors.Join(fmt.Errorf("%w after %d objects; they are kept: unpack a whole one to go on from there", ErrCut, u.done.Objects), kept)
	}
	return fmt.Errorf("read the archive: %w", err)
}

// open reads the head and looks for another run of that name.
func (u *unpacker) open() error {
	h, err := u.tr.Next()
	if err == nil && h.Name != headName {
		err = errors.New("it is no archive of a run")
	}
	var data []byte
	if err == nil {
		data, err = io.ReadAll(io.LimitReader(u.tr, small))
	}
	if err == nil {
		err = json.Unmarshal(data, &u.head)
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
	u.done.Run = u.head.Run
	there, err := u.read(runKey(u.head.Run))
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
	if err == nil && (h.Typeflag != tar.TypeReg || h.Size < 0) {
		err = errors.New("it is no file")
	}
	if err != nil {
		return fmt.Errorf("the archive has %q: %w", h.Name, err)
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
		return fmt.Errorf("the archive has %q: a record of %d bytes", h.Name, h.Size)
	}
	if h.Size > small && place != aRecord {
		err = u.large(h, digest, blob, place)
	} else {
		err = u.small(h, digest, blob, place)
	}
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return u.broken(err)
		}
		return fmt.Errorf("%s: %w", h.Name, err)
	}
	fmt.Fprintf(u.sum, "%s %s\n", h.Name, digest)
	u.done.Objects, u.done.Bytes = u.done.Objects+1, u.done.Bytes+h.Size
	return nil
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
	case aJournal:
		if o.Key, err = u.journal(h.Name, data); err != nil {
			return err
		}
	case aRecord:
		u.once = append(u.once, o)
		if err := u.remember(o); err != nil {
			return err
		}
		if len(u.once) < together {
			return nil
		}
		return u.flush()
	}
	u.put, u.held = append(u.put, o), u.held+int64(len(data))
	if len(u.put) < together && u.held < togetherBytes {
		return nil
	}
	return u.flush()
}

// large stores an object as it is read.
func (u *unpacker) large(h *tar.Header, digest store.Digest, blob bool, place place) error {
	size, err := u.st.Bucket().Stat(u.ctx, h.Name)
	there := err == nil && size == h.Size
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if place == aCopy {
		if _, err := u.copied(h.Name, digest, nil); err != nil {
			return err
		}
	}
	switch {
	case there && blob:
		u.done.There++
		return store.CheckFrame(digest, u.tr)
	case there && place != aJournal:
		u.done.There++
		return summed(u.tr, digest)
	case blob:
		return u.st.PutFrame(u.ctx, digest, u.tr)
	case place == aJournal:
		data, err := io.ReadAll(io.LimitReader(u.tr, maxJournal))
		if err != nil {
			return err
		}
		if store.DigestOf(data) != digest {
			return store.ErrCorrupt
		}
		key, err := u.journal(h.Name, data)
		if err != nil {
			return err
		}
		return u.st.PutPlain(u.ctx, key, digest, bytes.NewReader(data))
	}
	return u.st.PutPlain(u.ctx, h.Name, digest, u.tr)
}

// maxJournal bounds a journal, in bytes: it is at most a segment.
const maxJournal = 256 << 20

func summed(r io.Reader, want store.Digest) error {
	sum := sha256.New()
	_, err := io.Copy(sum, r)
	if err == nil && store.Digest(hex.EncodeToString(sum.Sum(nil))) != want {
		err = store.ErrCorrupt
	}
	return err
}

// flush stores what is held: what may be written any number of times, and then records,
// of which one that is there must be the same.
func (u *unpacker) flush() error {
	put, once := u.put, u.once
	u.put, u.once, u.held = nil, nil, 0
	if err := u.missing(put); err != nil {
		return err
	}
	if err := u.missing(u.lists()); err != nil { // after their files
		return err
	}
	there := make([]bool, len(once))
	err := store.SideBySide(u.ctx, len(once), func(i int) error {
		err := u.st.Bucket().Create(u.ctx, once[i].Key, once[i].Body)
		if !errors.Is(err, store.ErrExists) {
			return err
		}
		there[i] = true
		return u.same(once[i])
	})
	for _, t := range there {
		if t {
			u.done.There++
		}
	}
	return err
}

// missing stores what is not there with the same size.
func (u *unpacker) missing(list []store.Object) error {
	absent := make([]bool, len(list))
	err := store.SideBySide(u.ctx, len(list), func(i int) error {
		size, err := u.st.Bucket().Stat(u.ctx, list[i].Key)
		absent[i] = errors.Is(err, store.ErrNotFound) || err == nil && size != int64(len(list[i].Body))
		if absent[i] {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	var missing []store.Object
	for i, o := range list {
		if absent[i] {
			missing = append(missing, o)
		}
	}
	u.done.There += len(list) - len(missing)
	return u.st.PutAll(u.ctx, missing)
}

// same refuses a record that is there and another. What stands beside a run may have
// come to it since, and then stays.
func (u *unpacker) same(o store.Object) error {
	there, err := u.read(o.Key)
	if err == nil && !bytes.Equal(there, o.Body) && ofRun(o.Key) {
		err = fmt.Errorf("run %s of this store is not the one in the archive: %s is another: %w", u.head.Run, o.Key, ErrOther)
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
	if err := u.flush(); err != nil {
		return err
	}
	return u.memos()
}

func (u *unpacker) read(key string) ([]byte, error) {
	body, err := u.st.Bucket().Get(u.ctx, key)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(io.LimitReader(body, maxRecord))
}
