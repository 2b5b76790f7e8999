package ledger

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

// journalBase is how many writes of a journal's level make one of the next; see
// FORMAT.md.
const journalBase = 8

// writeJournal writes what the open draft holds more than at the last time.
func (b *book) writeJournal(ctx context.Context) error {
	b.mu.Lock()
	d := b.open
	now := *d // as it is now: it only grows
	b.mu.Unlock()
	to := b.ledger.cut(&now)
	var before cut
	if n := len(d.cuts); n > 0 {
		before = d.cuts[n-1]
	}
	if to.rows == before.rows {
		return nil
	}
	n, level, span := len(d.cuts)+1, 0, journalBase
	for n%span == 0 {
		level, span = level+1, span*journalBase
	}
	var from cut // where a higher level ends
	if n > span {
		from = d.cuts[n-n%span-1]
	}
	h := b.headerOf(&now, from, to)
	e, err := encodeSegment(b.ledger.zw, h, now.answers[from.answers:to.answers], now.requests[from.requests:to.requests])
	if err != nil {
		return err
	}
	first, err := json.Marshal(levelLine{e.digest})
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	data := append(b.ledger.zw.EncodeAll(append(first, '\n'), nil), e.data...)
	if err := b.putLevel(ctx, level, e.digest, data); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	b.mu.Lock()
	d.cuts = append(d.cuts, to)
	b.mu.Unlock()
	return nil
}

// putLevel writes a level in place of what it was; the first write of all finds
// the journal a name that no other process has.
func (b *book) putLevel(ctx context.Context, level int, digest string, data []byte) error {
	bucket := b.ledger.opt.Bucket
	for name := digest; b.journal == ""; name = string(store.DigestOf([]byte(name))) {
		err := bucket.Create(ctx, levelKey(b.prefix, name, level), data)
		if err == nil {
			b.journal = name
			return nil
		}
		if !errors.Is(err, store.ErrExists) {
			return err
		}
	}
	return bucket.Put(ctx, levelKey(b.prefix, b.journal, level), bytes.NewReader(data), int64(len(data)))
}

// A levelLine is the first line of a journal's level.
type levelLine struct {
	SHA256 string `json:"sha256"` // of the header line that follows
}

func parseLevelLine(key string, line []byte) (digest string, err error) {
	var first levelLine
	if err := json.Unmarshal(line, &first); err != nil {
		return "", damaged(key, "first line", err)
	}
	return first.SHA256, nil
}

// readLevel reads the header of a level as it is now, and completes what its name
// tells of it.
func (b *book) readLevel(ctx context.Context, o *object) (*header, error) {
	body, err := b.ledger.opt.Bucket.Get(ctx, o.key)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	defer body.Close()
	s := &segmentReader{key: o.key, src: &source{Reader: body}}
	s.buf = bufio.NewReader(s.src)
	first, err := s.rawFrame()
	if err != nil {
		return nil, err
	}
	head, err := s.rawFrame()
	if err != nil {
		return nil, err
	}
	line, err := b.ledger.zr.DecodeAll(first, nil)
	if err != nil {
		return nil, damaged(o.key, "truncated or altered", err)
	}
	if o.digest, err = parseLevelLine(o.key, line); err != nil {
		return nil, err
	}
	o.head = int64(len(first) + len(head))
	h, err := decodeHeader(b.ledger.zr, o.key, o.digest, head)
	if err == nil && h.Frames == nil {
		return nil, damaged(o.key, "header without frames", nil)
	}
	return h, err
}

// rawFrame reads a frame as it is stored, from a reader that does not decode: a
// level does not tell where its answers begin. RFC 8878 has the layout.
func (s *segmentReader) rawFrame() ([]byte, error) {
	var h zstd.Header
	start, _ := s.buf.Peek(zstd.HeaderMaxSize)
	err := h.Decode(start)
	if err == nil && h.Skippable {
		err = zstd.ErrMagicMismatch
	}
	if err != nil {
		return nil, s.readError(err)
	}
	var data []byte
	read := func(n int) (added []byte, err error) {
		if len(data)+n > maxHeader {
			return nil, fmt.Errorf("a frame is larger than %d bytes", maxHeader)
		}
		data = append(data, make([]byte, n)...)
		added = data[len(data)-n:]
		_, err = io.ReadFull(s.buf, added)
		return added, err
	}
	_, err = read(h.HeaderSize)
	for last := false; !last && err == nil; {
		var b []byte
		if b, err = read(3); err != nil {
			break
		}
		size := int(b[0])>>3 | int(b[1])<<5 | int(b[2])<<13
		if b[0]>>1&3 == 1 { // one byte, repeated
			size = 1
		}
		last = b[0]&1 == 1
		_, err = read(size)
	}
	if err == nil && h.HasCheckSum {
		_, err = read(4)
	}
	if err != nil {
		return nil, s.readError(err)
	}
	return data, nil
}

// mayMove reports whether an answer could not be read because a living process has
// written a level over.
func (s *segment) mayMove(err error) bool {
	return s.journal != "" && (errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNotFound))
}

// follow looks anew for what a journal held, after an answer could not be read
// from a level of it: a living process writes its levels over.
func (b *book) follow(ctx context.Context, key llm.Key, seg *segment) error {
	b.reading.Lock()
	defer b.reading.Unlock()
	if b.lies(key) != seg {
		return nil // somebody else has found it
	}
	b.mu.Lock()
	for _, s := range b.levels[seg.journal] {
		s.moved = true
	}
	delete(b.levels, seg.journal)
	b.mu.Unlock()
	if err := b.catchUp(ctx, seg.journal); err != nil || b.lies(key) != seg {
		return err
	}
	// It had held over a segment that was read before.
	b.mu.Lock()
	clear(b.known)
	b.mu.Unlock()
	return b.catchUp(ctx, seg.journal)
}

// lies returns where a key's stored exchange lies.
func (b *book) lies(key llm.Key) *segment {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p, ok := b.index[key]; ok {
		return b.segs[p.seg]
	}
	return nil
}
