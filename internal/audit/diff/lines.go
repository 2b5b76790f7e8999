package diff

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/trace"
)

// readAhead is how many bytes of rows are read while those before are compared.
const readAhead = 256 << 10

// rows is a stream of JSON rows, read ahead by a goroutine of its own.
type rows struct {
	r     io.ReadCloser
	ahead chan *chunk
	stop  chan struct{}
	err   error // of the stream; read it once ahead is closed
	cur   *chunk
	at    int // the next row of cur
	n     int64
	row   row // the one that next returned
}

// A chunk is some rows.
type chunk struct {
	text []byte
	ends []int
}

// A row is one of a stream; its text holds until the next one is read.
type row struct {
	at   int64 // from 0
	text []byte
	sum  *sum // of its name, once it was asked for
}

// A sum is enough of a digest to tell a billion rows apart.
type sum [16]byte

var errStopped = errors.New("the reader of the rows has stopped")

func newRows(r io.ReadCloser) *rows {
	s := &rows{r: r, ahead: make(chan *chunk, 4), stop: make(chan struct{})}
	go func() {
		defer close(s.ahead)
		c := &chunk{}
		pass := func() error {
			select {
			case s.ahead <- c:
				c = &chunk{text: make([]byte, 0, len(c.text)+4096)}
				return nil
			case <-s.stop:
				return errStopped
			}
		}
		s.err = job.Lines(r, func(_ int, line []byte) error {
			c.text = append(c.text, line...)
			c.ends = append(c.ends, len(c.text))
			if len(c.text) < readAhead {
				return nil
			}
			return pass()
		})
		if s.err == nil && len(c.ends) > 0 {
			s.err = pass()
		}
	}()
	return s
}

// next returns the next row, nil at the end.
func (s *rows) next() (*row, error) {
	for s.cur == nil || s.at == len(s.cur.ends) {
		c, more := <-s.ahead
		if !more {
			return nil, s.err
		}
		s.cur, s.at = c, 0
	}
	from := 0
	if s.at > 0 {
		from = s.cur.ends[s.at-1]
	}
	s.row = row{at: s.n, text: s.cur.text[from:s.cur.ends[s.at]]}
	s.at++
	s.n++
	return &s.row, nil
}

// close ends the reading.
func (s *rows) close() {
	close(s.stop)
	for range s.ahead { // what is under way ends before its reader is closed
	}
	s.r.Close()
}

// key is the digest of the row's name, or of the whole row where it has none.
func (r *row) key() sum {
	if r.sum == nil {
		key := sumOf(r.text)
		if name := nameOfRow(r.text); name != "" {
			key = sumOf([]byte(name))
		}
		r.sum = &key
	}
	return *r.sum
}

func sumOf(data []byte) sum {
	full := sha256.Sum256(data)
	return sum(full[:16])
}

// named is what the rows of all outputs have of a name of their own.
type named struct {
	ID        string          `json:"id"`
	Role      string          `json:"role"` // of failures: a row may have several
	Candidate string          `json:"candidate"`
	Repeat    int             `json:"repeat"`
	Source    string          `json:"source"` // of an export's traces
	Trace     json.RawMessage `json:"trace"`
}

// nameOfRow is the row's own name; "" of one that has none, such as a trainer's.
func nameOfRow(text []byte) string {
	var n named
	if jsonv2.Unmarshal(text, &n) != nil {
		return ""
	}
	var of struct {
		ID string `json:"id"`
	}
	switch {
	case n.ID != "" && n.Role != "":
		return n.ID + " " + n.Role
	case n.ID != "":
		return n.ID
	case n.Candidate != "" && json.Unmarshal(n.Trace, &of) == nil && of.ID != "":
		return trace.AnswerID(n.Candidate, of.ID, n.Repeat)
	case n.Source != "" && json.Unmarshal(n.Trace, &of.ID) == nil:
		return n.Source + "/" + of.ID
	}
	return ""
}
