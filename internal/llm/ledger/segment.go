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

// Bounds of a segment, in bytes, so that a damaged one cannot fill memory.
const (
	maxHeader  = 16 << 20
	maxAnswers = 256 << 20
	maxLine    = 64 << 20
)

// A frame of answers ends with so many rows or, decoded, bytes: small enough to
// be read for one of them, large enough to compress.
const (
	frameRows  = 64
	frameBytes = 64 << 10
)

// An encoded segment is its stored bytes, and what names it.
type encoded struct {
	digest string
	head   int64 // stored size of the first frame
	data   []byte
}

// encodeSegment fills in what a header says of its parts.
func encodeSegment(zw *zstd.Encoder, h *header, answers, requests []byte) (e encoded, err error) {
	h.Format, h.Answers, h.Requests, h.Frames = FormatVersion, partOf(answers), partOf(requests), &frames{}
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
	sum := sha256.Sum256(line)
	e.digest = hex.EncodeToString(sum[:])
	e.data = zw.EncodeAll(line, nil)
	e.head = int64(len(e.data))
	e.data = zw.EncodeAll(requests, append(e.data, body...))
	return e, nil
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

// decodeHeader decodes a segment's first frame.
func decodeHeader(zr *zstd.Decoder, key, digest string, data []byte) (*header, error) {
	line, err := zr.DecodeAll(data, nil)
	if err != nil {
		return nil, damaged(key, "truncated or altered", err)
	}
	return parseHeader(key, digest, line)
}

// decodeFrame returns a frame's answers, without line ends.
func decodeFrame(zr *zstd.Decoder, key string, f frame, data []byte) ([][]byte, error) {
	text, err := zr.DecodeAll(data, nil)
	if err != nil {
		return nil, damaged(key, "truncated or altered", err)
	}
	if sha256.Sum256(text) != f.sum || bytes.Count(text, []byte("\n")) != f.rows {
		return nil, damaged(key, "its answers do not match its header", nil)
	}
	return bytes.Split(text, []byte("\n"))[:f.rows], nil
}

// A segmentReader reads a segment's parts in order.
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

// header reads a segment's header, or that of a level as it is now, and checks it
// against its digest.
func (s *segmentReader) header(o object) (*header, error) {
	line, err := s.line(nil, maxHeader)
	if err != nil {
		return nil, err
	}
	if o.journal != "" {
		if o.digest, err = parseLevelLine(o.key, line); err != nil {
			return nil, err
		}
		if line, err = s.line(line[:0], maxHeader); err != nil {
			return nil, err
		}
	}
	return parseHeader(o.key, o.digest, line)
}

// line appends the next line, with its end, to buf.
func (s *segmentReader) line(buf []byte, limit int) ([]byte, error) {
	for {
		chunk, err := s.buf.ReadSlice('\n')
		buf = append(buf, chunk...)
		if len(buf) > limit {
			return nil, damaged(s.key, fmt.Sprintf("a line is larger than %d bytes", limit), nil)
		}
		if err == nil {
			return buf, nil
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
func (s *segmentReader) answers(h *header) ([][]byte, error) {
	hash := sha256.New()
	lines := make([][]byte, 0, len(h.Keys))
	for read := int64(0); read < h.Answers.Bytes; {
		line, err := s.line(nil, int(min(h.Answers.Bytes-read, maxLine)))
		if err != nil {
			return nil, err
		}
		read += int64(len(line))
		hash.Write(line)
		lines = append(lines, bytes.TrimSuffix(line, []byte("\n")))
	}
	if hex.EncodeToString(hash.Sum(nil)) != h.Answers.SHA256 || len(lines) != len(h.Keys) {
		return nil, damaged(s.key, "its answers do not match its header", nil)
	}
	return lines, nil
}
