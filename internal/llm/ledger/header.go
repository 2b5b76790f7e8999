package ledger

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
)

// FormatVersion is written into every segment and journal; FORMAT.md has what it promises.
const FormatVersion = 2

// A header is an object's first line. The header's digest names a segment, and
// the header holds the digests of the rest: whatever part is read is verified.
type header struct {
	Format  int      `json:"format"`
	Created string   `json:"created"` // RFC 3339, UTC: when its first exchange was first written
	Model   Identity `json:"model"`
	Keys    keyList  `json:"keys"`             // of the exchanges, in their order
	Failed  []int    `json:"failed,omitempty"` // which of them have an error for an answer
	// Flushes are the positions from which on exchanges were written later, and
	// by how many microseconds.
	Flushes [][2]int64 `json:"flushes,omitempty"`
	Journal string     `json:"journal,omitempty"` // which ends with this segment
	Answers part       `json:"answers"`
	// Requests follow the answers, so that a replay need not read them.
	Requests part   `json:"requests"`
	Frames   frames `json:"frames"` // of the answers
}

// A part is a run of lines, one for each exchange.
type part struct {
	Bytes  int64  `json:"bytes"` // decoded
	SHA256 string `json:"sha256"`
}

func partOf(data []byte) part { return part{int64(len(data)), string(store.DigestOf(data))} }

// Frames say how the answers lie, one entry for each zstd frame.
type frames struct {
	Rows   []int   `json:"rows"`
	Stored []int64 `json:"stored"` // bytes
	Sums   keyList `json:"sums"`   // sha256, decoded
}

// createdLayout has a fixed width, so that times sort as text.
const createdLayout = "2006-01-02T15:04:05.000000Z"

// parseHeader checks a header line against its digest.
func parseHeader(key, digest string, line []byte) (*header, error) {
	if string(store.DigestOf(line)) != digest {
		return nil, damaged(key, "its header does not match its digest", nil)
	}
	var h header
	if err := json.Unmarshal(line, &h); err != nil {
		return nil, damaged(key, "header", err)
	}
	if h.Format < FormatVersion {
		return nil, unreleased(key)
	}
	if h.Format > FormatVersion {
		return nil, fault.New(fault.Config, fmt.Errorf("ledger segment %s has format %d, and this gymline reads up to %d", key, h.Format, FormatVersion),
			"use a newer gymline")
	}
	if err := h.check(); err != nil {
		return nil, damaged(key, "header", err)
	}
	return &h, nil
}

// unreleased is the error for what no release wrote. It is refused rather than
// passed over, as damage is.
func unreleased(key string) error {
	return fault.New(fault.Config, fmt.Errorf("ledger segment %s has format 1, which no release of gymline wrote or reads", key),
		"remove that object to call the model again for what it recorded")
}

// check finds what would lead a reader astray.
func (h *header) check() error {
	if h.Answers.Bytes < 0 || h.Answers.Bytes > maxAnswers {
		return fmt.Errorf("%d bytes of answers", h.Answers.Bytes)
	}
	for _, n := range h.Failed {
		if n < 0 || n >= len(h.Keys) {
			return fmt.Errorf("failed exchange %d is out of range", n)
		}
	}
	f, rows := h.Frames, 0
	if len(f.Stored) != len(f.Rows) || len(f.Sums) != len(f.Rows) {
		return fmt.Errorf("%d, %d and %d entries for the same frames", len(f.Rows), len(f.Stored), len(f.Sums))
	}
	for i, n := range f.Rows {
		if n < 1 || n > len(h.Keys) || f.Stored[i] < 1 || f.Stored[i] > maxAnswers {
			return fmt.Errorf("frame %d has %d answers in %d bytes", i, n, f.Stored[i])
		}
		rows += n
	}
	if rows != len(h.Keys) {
		return fmt.Errorf("%d answers in frames for %d keys", rows, len(h.Keys))
	}
	return nil
}

// A mark says when the exchanges from a row on were first written, in
// microseconds since 1970.
type mark struct {
	row int
	at  int64
}

func (h *header) marks() []mark {
	created, _ := time.Parse(createdLayout, h.Created) // an odd time sorts first
	marks := []mark{{0, created.UnixMicro()}}
	for _, f := range h.Flushes {
		marks = append(marks, mark{int(f[0]), marks[0].at + f[1]})
	}
	return marks
}

// setMarks writes at least one mark, the first at row 0, into a header.
func (h *header) setMarks(marks []mark) {
	h.Created = time.UnixMicro(marks[0].at).UTC().Format(createdLayout)
	for _, m := range marks[1:] {
		h.Flushes = append(h.Flushes, [2]int64{int64(m.row), m.at - marks[0].at})
	}
}
