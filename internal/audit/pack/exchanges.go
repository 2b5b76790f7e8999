package pack

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/gymline/gymline/internal/llm/ledger"
	"github.com/gymline/gymline/internal/store"
)

// maxExchanges bounds a segment or journal, in bytes.
const maxExchanges = 256 << 20

// exchanges holds a segment or journal until it is stored with others. Its name and its
// header tell what must be in it, so that no archive has an answer in another's place.
func (u *unpacker) exchanges(h *tar.Header, digest store.Digest) error {
	data, err := io.ReadAll(io.LimitReader(u.tr, maxExchanges+1))
	if err != nil {
		return err
	}
	if len(data) > maxExchanges {
		return fmt.Errorf("recorded exchanges of more than %d bytes", maxExchanges)
	}
	if store.DigestOf(data) != digest {
		return store.ErrCorrupt
	}
	if err := ledger.Verify(u.ctx, held{data: data}, h.Name); err != nil {
		return err
	}
	u.calls = append(u.calls, store.Object{Key: h.Name, Body: data})
	return u.hold(len(data))
}

// held is a bucket of one object.
type held struct {
	store.Bucket // nobody asks it
	data         []byte
}

func (h held) Get(context.Context, string) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(h.data)), nil
}

// exchange stores a segment or journal, and reports whether it was there.
func (u *unpacker) exchange(o store.Object) (there bool, err error) {
	if journals.MatchString(o.Key) {
		return u.journal(o)
	}
	if _, err = u.st.Bucket().Stat(u.ctx, o.Key); errors.Is(err, store.ErrNotFound) {
		err = u.st.Bucket().Create(u.ctx, o.Key, o.Body)
	} else if err == nil {
		err = store.ErrExists
	}
	if !errors.Is(err, store.ErrExists) {
		return false, err
	}
	err = ledger.Verify(u.ctx, u.st.Bucket(), o.Key)
	if errors.Is(err, store.ErrCorrupt) { // and what came is whole
		return false, u.st.PutAll(u.ctx, []store.Object{o})
	}
	return true, err
}

// journal stores one under its name or, where another process's has it, under the next
// name, as the ledger's own do.
func (u *unpacker) journal(o store.Object) (there bool, err error) {
	folder, name := path.Split(o.Key)
	name = strings.TrimSuffix(name, ".jsonl.zst")
	for {
		key := folder + name + ".jsonl.zst"
		sum, err := u.st.Bind(u.ctx, key)
		if errors.Is(err, store.ErrNotFound) {
			if err = u.st.Bucket().Create(u.ctx, key, o.Body); errors.Is(err, store.ErrExists) {
				continue // since a moment ago
			}
			return false, err
		}
		if err != nil || sum.SHA256 == store.DigestOf(o.Body) {
			return err == nil, err
		}
		name = string(store.DigestOf([]byte(name)))
	}
}

// exchanges verifies a segment or journal that is packed.
func (p *packer) exchanges(e entry) error {
	if e.body != nil {
		return ledger.Verify(p.ctx, held{data: e.body}, e.Key)
	}
	return ledger.Verify(p.ctx, p.st.Bucket(), e.Key)
}
