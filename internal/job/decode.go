package job

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/gymline/gymline/internal/fault"
)

// Lines calls fn with each line of a JSONL stream and its number from 1, without
// the line's end. Empty lines are passed over; a line above 64 MiB is an error.
func Lines(r io.Reader, fn func(n int, line []byte) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 64<<10), 64<<20)
	for n := 1; sc.Scan(); n++ {
		if len(bytes.TrimSpace(sc.Bytes())) == 0 {
			continue
		}
		if err := fn(n, sc.Bytes()); err != nil {
			return err
		}
	}
	return sc.Err()
}

// batchSize is how many bytes of lines are decoded at once: a line's worth of
// goroutines would cost more than it decodes.
const batchSize = 128 << 10

// Decode reads a JSONL stream of T and calls fn with each row in turn, while those
// that follow are decoded by other processors. what names the stream in errors:
// "what:line: …". A row that is not JSON, such as one cut in half, is permanent
// bad data.
func Decode[T any](r io.Reader, what string, fn func(n int, row *T) error) error {
	return DecodeAhead(r, what, func(row *T) *T { return row }, fn)
}

// DecodeAhead is Decode where fn gets what work makes of a row. work is called by
// several goroutines at once, for rows in any order.
func DecodeAhead[T, V any](r io.Reader, what string, work func(row *T) V, fn func(n int, v V) error) error {
	ahead := make(chan *batch[V], runtime.GOMAXPROCS(0))
	stop := make(chan struct{})
	var reading error
	go func() {
		defer close(ahead)
		b := &batch[V]{done: make(chan struct{})}
		pass := func() error {
			select {
			case ahead <- b:
				go decode(b, what, work)
				b = &batch[V]{done: make(chan struct{})}
				return nil
			case <-stop:
				return errStopped
			}
		}
		reading = Lines(r, func(n int, line []byte) error {
			b.text = append(b.text, line...)
			b.lines = append(b.lines, lineEnd{n, len(b.text)})
			if len(b.text) < batchSize {
				return nil
			}
			return pass()
		})
		if len(b.lines) > 0 && !errors.Is(reading, errStopped) {
			_ = pass() // the rows before an error come first
		}
	}()
	var err error
	for b := range ahead {
		<-b.done
		for i := 0; i < len(b.values) && err == nil; i++ {
			err = fn(b.lines[i].number, b.values[i])
		}
		if err == nil {
			err = b.err
		}
		if err != nil { // what is under way ends before the caller closes r
			close(stop)
			for b := range ahead {
				<-b.done
			}
			return err
		}
	}
	return reading
}

var errStopped = errors.New("the reader of the rows has stopped")

// A batch is some lines, and what becomes of them.
type batch[V any] struct {
	text   []byte
	lines  []lineEnd
	values []V
	err    error         // of the line after those that gave values
	done   chan struct{} // closed when all is decoded
}

// A lineEnd is a line's number, and where it ends in a batch's text.
type lineEnd struct{ number, end int }

func decode[T, V any](b *batch[V], what string, work func(row *T) V) {
	defer close(b.done)
	from := 0
	for _, line := range b.lines {
		row := new(T)
		if err := unmarshal(b.text[from:line.end], row); err != nil {
			b.err = fault.New(fault.Permanent, fmt.Errorf("%s:%d: not a JSON row: %w", what, line.number, err),
				"mend or remove that line; nothing was changed")
			return
		}
		b.values, from = append(b.values, work(row)), line.end
	}
}

// unmarshal reads a row with the successor of Go's decoder, which takes half its time.
// Letter case of keys makes no difference to either. What that refuses the decoder itself judges.
func unmarshal[T any](data []byte, row *T) error {
	if jsonv2.Unmarshal(data, row, jsonv2.MatchCaseInsensitiveNames(true)) == nil {
		return nil
	}
	*row = *new(T)
	return json.Unmarshal(data, row)
}
