package ledger

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

// Bounds of a segment, in bytes, so that a damaged one cannot fill memory.
const (
	maxHeader  = 16 << 20
	maxAnswers = 256 << 20
	maxLine    = 64 << 20
)

// A frame of answers ends with so many rows or, decoded, bytes: small enough to
// be read for one of them, large enough to compress. Tried on sessions of 2 to 12 KB.
const (
	frameRows  = 64
	frameBytes = 64 << 10
)

// An encoded segment is its stored bytes, and what names it.
type encoded struct {
	digest     string
	headerSize int64 // stored size of the first frame
	data       []byte
}

// encodeSegment fills in what a header says of its parts.
func encodeSegment(zw *zstd.Encoder, h *header, answers, requests []byte) (e encoded, err error) {
	h.Format, h.Answers, h.Requests, h.Frames = FormatVersion, partOf(answers), partOf(requests), frames{}
	var body []byte
	for rest := answers; len(rest) > 0; {
		size, rows := 0, 0
		for size < len(rest) && size < frameBytes && rows < frameRows {
			size += bytes.IndexByte(rest[size:], '\n') + 1
			rows++
		}
		before := len(body)
		body = zw.EncodeAll(rest[:size], body)
		h.Frames.Rows = append(h.Frames.Rows, rows)
		h.Frames.Stored = append(h.Frames.Stored, int64(len(body)-before))
		h.Frames.Sums = append(h.Frames.Sums, sha256.Sum256(rest[:size]))
		rest = rest[size:]
	}
	line, err := json.Marshal(h)
	if err != nil {
		return e, fmt.Errorf("ledger: segment header: %w", err)
	}
	line = append(line, '\n')
	e.digest = string(store.DigestOf(line))
	e.data = zw.EncodeAll(line, nil)
	e.headerSize = int64(len(e.data))
	e.data = zw.EncodeAll(requests, append(e.data, body...))
	return e, nil
}

// A journalLine is a journal's first line; a segment follows.
type journalLine struct {
	SHA256 string `json:"sha256"` // of the header
}

func (e encoded) asJournal(zw *zstd.Encoder) []byte {
	line, _ := json.Marshal(journalLine{e.digest})
	return append(zw.EncodeAll(append(line, '\n'), nil), e.data...)
}

// damaged is the error for a segment that cannot be trusted. It is refused
// rather than passed over: a replay that lacks exchanges would pay for them again.
func damaged(key, what string, err error) error {
	if err != nil {
		what += ": " + err.Error()
	}
	return fault.New(fault.Permanent, fmt.Errorf("ledger segment %s: %s: %w", key, what, store.ErrCorrupt),
		"restore that object from a backup, or remove it to call the model again for what it recorded")
}

// decodeFrame returns a frame's answers, without line ends.
func decodeFrame(zr *zstd.Decoder, key string, rows int, sum llm.Key, data []byte) ([][]byte, error) {
	text, err := zr.DecodeAll(data, nil)
	if err != nil {
		return nil, damaged(key, "truncated or altered", err)
	}
	if sha256.Sum256(text) != sum || bytes.Count(text, []byte("\n")) != rows {
		return nil, damaged(key, "its answers do not match its header", nil)
	}
	return bytes.Split(text, []byte("\n"))[:rows], nil
}

// A reader reads the lines of a segment or journal in order.
type reader struct {
	key string // of the object, for errors
	zr  *zstd.Decoder
	buf *bufio.Scanner
}

func newReader(key string, r io.Reader) *reader {
	// The options are sound, and what is wrong with r shows at the first line.
	zr, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxAnswers))
	_ = zr.Reset(r)
	s := &reader{key, zr, bufio.NewScanner(zr)}
	s.buf.Buffer(make([]byte, 64<<10), maxLine)
	return s
}

func (s *reader) close() { s.zr.Close() }

// line returns the next line without its end, which holds until the next call. The
// error tells damage from a bucket that failed while it was read.
func (s *reader) line() ([]byte, error) {
	if s.buf.Scan() {
		return s.buf.Bytes(), nil
	}
	err := cmp.Or(s.buf.Err(), io.ErrUnexpectedEOF)
	if _, ok := errors.AsType[*store.Error](err); ok || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return nil, damaged(s.key, "truncated or altered", err)
}

// header reads the header, and checks it against its digest, which a journal
// begins with and o is told.
func (s *reader) header(o *object) (*header, error) {
	line, err := s.line()
	if err == nil && o.journal != "" {
		var first journalLine
		if err := json.Unmarshal(line, &first); err != nil {
			return nil, damaged(o.key, "first line", err)
		}
		o.digest = first.SHA256
		line, err = s.line()
	}
	if err != nil {
		return nil, err
	}
	return parseHeader(o.key, o.digest, append(line[:len(line):len(line)], '\n'))
}

// answers reads the answers, which follow the header, verifies them and returns
// their lines.
func (s *reader) answers(h *header) ([][]byte, error) {
	hash := sha256.New()
	lines := make([][]byte, len(h.Keys))
	for i := range lines {
		line, err := s.line()
		if err != nil {
			return nil, err
		}
		hash.Write(line)
		hash.Write([]byte("\n"))
		lines[i] = bytes.Clone(line)
	}
	if hex.EncodeToString(hash.Sum(nil)) != h.Answers.SHA256 {
		return nil, damaged(s.key, "its answers do not match its header", nil)
	}
	return lines, nil
}
