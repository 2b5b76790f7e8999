package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gymline/gymline/internal/fault"
)

// FormatVersion is written into every segment; FORMAT.md lists the changes.
const FormatVersion = 2

// A header is a segment's first line. A segment is named by the header's
// digest, and the header holds the digests of the rest: whatever part is read
// is verified.
type header struct {
	Format  int      `json:"format"`
	Created string   `json:"created"` // RFC 3339, UTC: when its first exchange was written
	Model   Identity `json:"model"`
	Keys    keyList  `json:"keys"`             // of the exchanges, in their order
	Failed  []int    `json:"failed,omitempty"` // which of them have an error for an answer
	// Flushes are the positions from which on exchanges were written later, and
	// by how many microseconds.
	Flushes [][2]int64 `json:"flushes,omitempty"`
	Journal string     `json:"journal,omitempty"` // which ends with this segment
	Answers part       `json:"answers"`
	// Requests follow the answers, so that a replay need not read them.
	Requests part    `json:"requests"`
	Frames   *frames `json:"frames,omitempty"` // of the answers; nil in format 1
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

// Frames say how the answers lie, one entry for each zstd frame.
type frames struct {
	Rows   []int   `json:"rows"`
	Stored []int64 `json:"stored"` // bytes
	Sums   keyList `json:"sums"`   // sha256, decoded
}

// createdLayout has a fixed width, so that times sort as text.
const createdLayout = "2006-01-02T15:04:05.000000Z"

// parseHeader checks a header line against the digest that names its segment.
func parseHeader(key, digest string, line []byte) (*header, error) {
	if sum := sha256.Sum256(line); hex.EncodeToString(sum[:]) != digest {
		return nil, damaged(key, "its first line does not match its name", nil)
	}
	var h header
	if err := json.Unmarshal(line, &h); err != nil {
		return nil, damaged(key, "header", err)
	}
	if h.Format < 1 || h.Format > FormatVersion {
		return nil, fault.New(fault.Config, fmt.Errorf("ledger segment %s has format %d, and this gymline reads up to %d", key, h.Format, FormatVersion),
			"use a newer gymline")
	}
	if err := h.check(); err != nil {
		return nil, damaged(key, "header", err)
	}
	return &h, nil
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
	if h.Frames == nil {
		return nil
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

// An object is what the name of one in the bucket tells.
type object struct {
	key    string
	digest string // of a segment's header
	// head is the stored size of a segment's first frame; 0 in format 1.
	head    int64
	journal string // whose level this is; "" for a segment
	level   int
}

const suffix = ".jsonl.zst"

func segmentKey(prefix, digest string, head int64) string {
	return fmt.Sprintf("%s%s-%d%s", prefix, digest, head, suffix)
}

func levelKey(prefix, journal string, level int) string {
	return fmt.Sprintf("%sjournal/%s/%d%s", prefix, journal, level, suffix)
}

// parseKey reads the name of an object below an identity's prefix. What is none
// of the ledger's is passed over.
func parseKey(prefix, key string) (o object, ok bool) {
	o.key = key
	name := strings.TrimSuffix(strings.TrimPrefix(key, prefix), suffix)
	if rest, ok := strings.CutPrefix(name, "journal/"); ok {
		journal, level, _ := strings.Cut(rest, "/")
		o.journal = journal
		o.level, _ = strconv.Atoi(level)
		return o, isDigest(journal) && key == levelKey(prefix, journal, o.level)
	}
	digest, head, _ := strings.Cut(name, "-")
	o.digest = digest
	if name == digest { // of format 1
		return o, isDigest(digest) && key == prefix+digest+suffix
	}
	o.head, _ = strconv.ParseInt(head, 10, 64)
	return o, isDigest(digest) && o.head > 0 && o.head <= maxHeader && key == segmentKey(prefix, digest, o.head)
}

func isDigest(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == 2*sha256.Size
}
