package pack

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"

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
	if !journals.MatchString(h.Name) && !headed(h.Name, data) {
		return fmt.Errorf("its name tells of another header than it has: %w", store.ErrCorrupt)
	}
	u.calls = append(u.calls, store.Object{Key: h.Name, Body: data})
	return u.hold(len(data))
}

// headed reports whether a segment's header is what its name tells: so many bytes as
// stored, of that digest. Readers go by that.
func headed(key string, segment []byte) bool {
	digest, length, _ := strings.Cut(strings.TrimSuffix(path.Base(key), ".jsonl.zst"), "-")
	n, err := strconv.Atoi(length)
	if err != nil || strconv.Itoa(n) != length || n < 1 || n > min(len(segment), maxHeader) {
		return false
	}
	r, err := zstd.NewReader(bytes.NewReader(segment[:n]), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxExchanges))
	if err != nil {
		return false
	}
	defer r.Close()
	return summed(r, store.Digest(digest)) == nil
}

// maxHeader bounds a segment's header as it is stored, in bytes.
const maxHeader = 16 << 20

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
