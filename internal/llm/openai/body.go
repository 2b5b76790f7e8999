package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/gymline/gymline/internal/canonical"
)

// errNone is a body that is JSON, and no chat completion.
var errNone = errors.New("the answer is JSON, but not that of a chat completion")

// errCut is a stream that ends before what it tells.
var errCut = errors.New("the event stream ends before its answer does")

// read reads a body with status 2xx: a completion, or the parts of one, put
// together, of servers that stream whatever they are asked for. What follows a
// completion is of no interest.
func read(body []byte) (*reading, error) {
	r := &reading{}
	ended := false
	for value, err := range values(body) {
		if err != nil {
			return nil, err
		}
		if string(value) == "[DONE]" {
			ended = true
			break
		}
		if !r.take(value) && !r.take(canonical.FromPython(value, true)) {
			return nil, errNone
		}
		if r.failure != nil || !r.streamed && !streams(body) {
			return r, nil
		}
	}
	if r.failure == nil && r.choice && r.streamed && r.finish == "" && !ended {
		return nil, errCut
	}
	return r, nil
}

// streams reports whether a body is an event stream: JSON starts otherwise.
func streams(body []byte) bool {
	for _, field := range []string{"data:", "event:", "id:", "retry:", ":"} {
		if bytes.HasPrefix(body, []byte(field)) {
			return true
		}
	}
	return false
}

// values yields the JSON values of a body: the data of each event of a stream,
// or one value after another.
func values(body []byte) iter.Seq2[json.RawMessage, error] {
	if streams(body) {
		return events(body)
	}
	return func(yield func(json.RawMessage, error) bool) {
		dec := json.NewDecoder(bytes.NewReader(body))
		for n := 0; ; n++ {
			var v json.RawMessage
			err := dec.Decode(&v)
			if err != nil && n == 0 {
				dec = json.NewDecoder(bytes.NewReader(canonical.FromPython(body, true)))
				if dec.Decode(&v) == nil {
					err = nil
				}
			}
			if errors.Is(err, io.EOF) && n > 0 {
				return
			}
			if err != nil {
				err = fmt.Errorf("the answer is not the JSON of a chat completion: %w", err)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// events yields the data of each event of a stream.
func events(body []byte) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		var data []byte
		for line := range bytes.Lines(append(bytes.ReplaceAll(body, []byte("\r"), nil), "\n\n"...)) {
			text, isData := bytes.CutPrefix(bytes.TrimSuffix(line, []byte("\n")), []byte("data:"))
			// An empty line ends an event; some servers leave it out.
			if len(data) > 0 && (len(text) == 0 || isData && json.Valid(data)) {
				if !yield(bytes.TrimSpace(data), nil) {
					return
				}
				data = nil
			}
			if isData {
				data = append(append(data, bytes.TrimPrefix(text, []byte(" "))...), '\n')
			}
		}
	}
}
