package batch

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/gymline/gymline/internal/llm"
)

// maxLine bounds a line of a batch's files, in bytes: an answer and what is around it.
const maxLine = 17 << 20

// A result is a line of a batch's output or error file, as the answer to a
// direct call.
type result struct {
	key    llm.Key
	status int
	body   []byte
}

// parseLine reads a line of a batch's output or error file.
func parseLine(text []byte) (result, error) {
	var line struct {
		CustomID llm.Key `json:"custom_id"`
		Response *struct {
			Status int             `json:"status_code"`
			Body   json.RawMessage `json:"body"`
		} `json:"response"`
		Error json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(text, &line); err != nil {
		return result{}, fmt.Errorf("batch: line: %w", err)
	}
	switch failed := tells(line.Error); {
	case line.CustomID == llm.Key{}:
		return result{}, errors.New("batch: line without custom_id")
	case line.Response != nil && line.Response.Status >= 100 && line.Response.Status <= 599:
		body := line.Response.Body
		if failed {
			body = withError(body, line.Error)
		}
		return result{line.CustomID, line.Response.Status, body}, nil
	case len(line.Error) > 0 && string(line.Error) != "null":
		// batch_expired, batch_cancelled or a failure of the provider's own:
		// nothing that the request is to blame for. A direct call has it in its body.
		return result{line.CustomID, http.StatusInternalServerError, withError(nil, line.Error)}, nil
	}
	return result{}, errors.New("batch: line with neither response nor error")
}

// tells reports whether a line's error is there and holds anything.
func tells(failure json.RawMessage) bool {
	switch string(bytes.Join(bytes.Fields(failure), nil)) {
	case "", "null", "false", "0", `""`, "[]", "{}":
		return false
	}
	return true
}

// withError is a body with the error that stands beside it in its line: a direct
// call has it within, and whether it is one is decided there.
func withError(body, failure json.RawMessage) json.RawMessage {
	fields := map[string]json.RawMessage{}
	_ = json.Unmarshal(body, &fields)
	if fields == nil { // null
		fields = map[string]json.RawMessage{}
	}
	if !tells(fields["error"]) {
		fields["error"] = failure
	}
	out, _ := json.Marshal(fields)
	return out
}

// eachLine calls fn with every line of r that is not blank; one that is longer
// than limit comes as nil.
func eachLine(r io.Reader, limit int, fn func(line []byte) error) error {
	buf := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	long := false
	for {
		part, err := buf.ReadSlice('\n')
		if len(line)+len(part) > limit {
			line, long = line[:0], true
		} else if !long {
			line = append(line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		last := err != nil
		switch {
		case long:
			err = fn(nil)
		case len(trim(line)) > 0:
			err = fn(trim(line))
		default:
			err = nil
		}
		if err != nil || last {
			return err
		}
		line, long = line[:0], false
	}
}

func trim(line []byte) []byte { return bytes.TrimRight(line, "\r\n ") }

// read answers those of left that a file has a final answer for, and takes them
// out of left. The order of the lines does not matter; the first for a request
// holds. What lines there are goes into found.
func (b *Batcher) read(e *entry, file string, left map[llm.Key]*ask, found *tally) error {
	return b.opt.Retry(b.ctx, func() error {
		body, err := b.api.Content(b.ctx, file)
		if err != nil {
			return err
		}
		defer body.Close()
		seen := make(map[llm.Key]bool, len(e.keys)) // false: not yet
		for _, k := range e.keys {
			seen[k] = false
		}
		damaged, unknown, twice := 0, 0, 0
		err = eachLine(body, maxLine, func(text []byte) error {
			r, err := parseLine(text)
			if err != nil {
				damaged++
				return nil
			}
			switch before, known := seen[r.key]; {
			case !known:
				unknown++
				return nil
			case before:
				twice++
				return nil
			}
			seen[r.key] = true
			if !found.lines[r.key] && r.status == http.StatusOK {
				found.answers++
			}
			found.lines[r.key] = true
			if a := left[r.key]; a != nil {
				answered, done := b.decide(e, a, r, found)
				e.given = e.given || answered
				if done {
					delete(left, r.key)
				}
			}
			return b.ctx.Err()
		})
		if damaged+unknown+twice > 0 {
			b.opt.Log.Warn("lines of a batch's file are passed over", "model", b.opt.Model, "batch", e.id, "file", file, "damaged", damaged, "unknown", unknown, "repeated", twice)
		}
		return err
	})
}

// decide answers an ask, unless it is to be asked again: after a failure that may
// pass, or one that a person may have mended since, such as a want of credit.
// A refusal that may be about all requests alike is put off until all are read.
func (b *Batcher) decide(e *entry, a *ask, r result, found *tally) (answered, done bool) {
	resp, err := b.api.Answer(b.ctx, r.status, r.body)
	if err != nil {
		switch f := turnedDown(err); {
		case f == nil || f.Class == llm.Denied && !e.watched:
			a.failure = err
			return false, false
		case f.Setup && e.watched:
			found.refused[a.key] = f
			return false, false
		}
		b.fail(e, a, err)
		return false, true
	}
	b.answer(a, resp, nil)
	return true, true
}
