package ledger

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
)

// FormatVersion is written into every segment; FORMAT.md lists the changes.
const FormatVersion = 1

// Bounds of a segment, in bytes, so that a damaged one cannot fill memory.
const (
	maxHeader  = 16 << 20
	maxAnswers = 256 << 20
	maxLine    = 64 << 20
)

const suffix = ".jsonl.zst"

// A header is a segment's first line. A segment is named by the header's
// digest, and the header holds the digests of the rest: whatever part is read
// is verified.
type header struct {
	Format  int      `json:"format"`
	Created string   `json:"created"` // RFC 3339, UTC
	Model   Identity `json:"model"`
	Keys    keyList  `json:"keys"`             // of the exchanges, in their order
	Failed  []int    `json:"failed,omitempty"` // which of them have an error for an answer
	Answers part     `json:"answers"`
	// Requests follow the answers, so that a replay need not read them.
	Requests part `json:"requests"`
}

// A part is a run of lines, one for each exchange.
type part struct {
	Bytes  int64  `json:"bytes"` // decoded
	SHA256 string `json:"sha256"`
}

func partOf(data []byte) part {
	sum := sha256.Sum256(data)
	return part{int64(len(data)), hex.EncodeToString(sum[:])}
}

// encodeSegment returns a segment's digest and its stored bytes.
func encodeSegment(zw *zstd.Encoder, h header, answers, requests []byte) (digest string, data []byte, err error) {
	h.Format, h.Answers, h.Requests = FormatVersion, partOf(answers), partOf(requests)
	head, err := json.Marshal(h)
	if err != nil {
		return "", nil, fmt.Errorf("ledger: segment header: %w", err)
	}
	head = append(head, '\n')
	// A zstd frame for each part: who reads one need not hold the window of the next.
	for _, p := range [][]byte{head, answers, requests} {
		data = zw.EncodeAll(p, data)
	}
	sum := sha256.Sum256(head)
	return hex.EncodeToString(sum[:]), data, nil
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

// A segmentReader reads one segment's parts in order.
type segmentReader struct {
	key string // of the object, for errors
	src *source
	zr  *zstd.Decoder
	buf *bufio.Reader
}

// A source remembers how reading the object itself failed, which is no damage.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

func openSegment(key string, r io.Reader) (*segmentReader, error) {
	s := &segmentReader{key: key, src: &source{Reader: r}}
	var err error
	s.zr, err = zstd.NewReader(s.src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxAnswers))
	if err != nil {
		return nil, s.readError(err)
	}
	s.buf = bufio.NewReaderSize(s.zr, 64<<10)
	return s, nil
}

func (s *segmentReader) close() { s.zr.Close() }

// header reads the first line and checks it against the digest that names the segment.
func (s *segmentReader) header(digest string) (*header, error) {
	line, err := s.line(maxHeader)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(line); hex.EncodeToString(sum[:]) != digest {
		return nil, damaged(s.key, "its first line does not match its name", nil)
	}
	var h header
	if err := json.Unmarshal(line, &h); err != nil {
		return nil, damaged(s.key, "header", err)
	}
	if h.Format < 1 || h.Format > FormatVersion {
		return nil, fault.New(fault.Config, fmt.Errorf("ledger segment %s has format %d, and this gymline reads up to %d", s.key, h.Format, FormatVersion),
			"use a newer gymline")
	}
	if h.Answers.Bytes < 0 || h.Answers.Bytes > maxAnswers {
		return nil, damaged(s.key, fmt.Sprintf("%d bytes of answers", h.Answers.Bytes), nil)
	}
	for _, n := range h.Failed {
		if n < 0 || n >= len(h.Keys) {
			return nil, damaged(s.key, "header: failed exchange out of range", nil)
		}
	}
	return &h, nil
}

// line reads up to and including a line's end.
func (s *segmentReader) line(limit int) ([]byte, error) {
	var line []byte
	for {
		chunk, err := s.buf.ReadSlice('\n')
		line = append(line, chunk...)
		if len(line) > limit {
			return nil, damaged(s.key, fmt.Sprintf("a line is larger than %d bytes", limit), nil)
		}
		if err == nil {
			return line, nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, s.readError(err)
		}
	}
}

// readError tells damage from a bucket that failed while it was read.
func (s *segmentReader) readError(err error) error {
	if s.src.err != nil {
		return fmt.Errorf("ledger: %w", s.src.err)
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return damaged(s.key, "truncated or altered", err)
}

// answers reads the answers, which follow the header, verifies them and returns
// their lines, without line ends.
func (s *segmentReader) answers(h *header) ([][]byte, error) { return s.part(h.Answers, len(h.Keys)) }

// part reads a part of so many rows that comes next.
func (s *segmentReader) part(p part, rows int) ([][]byte, error) {
	hash := sha256.New()
	lines := make([][]byte, 0, rows)
	for read := int64(0); read < p.Bytes; {
		line, err := s.line(int(min(p.Bytes-read, maxLine)))
		if err != nil {
			return nil, err
		}
		read += int64(len(line))
		hash.Write(line)
		lines = append(lines, bytes.TrimSuffix(line, []byte("\n")))
	}
	if hex.EncodeToString(hash.Sum(nil)) != p.SHA256 || len(lines) != rows {
		return nil, damaged(s.key, "its lines do not match its header", nil)
	}
	return lines, nil
}
