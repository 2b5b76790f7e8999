package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
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
		if !r.take(value) && !r.take(mendJSON(value)) {
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
				dec = json.NewDecoder(bytes.NewReader(mendJSON(body)))
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

// mendJSON makes JSON of what some servers write in its place: NaN and Infinity,
// as Python does, become null, and control characters within texts are escaped.
func mendJSON(body []byte) []byte {
	out := make([]byte, 0, len(body)+64)
	quoted := false
	for i := 0; i < len(body); i++ {
		c := body[i]
		switch {
		case quoted && c == '\\' && i+1 < len(body):
			out = append(out, c, body[i+1])
			i++
			continue
		case c == '"':
			quoted = !quoted
		case quoted && c < ' ':
			out = fmt.Appendf(out, `\u%04x`, c)
			continue
		case !quoted:
			if n := unwritable(body[i:]); n > 0 {
				out = append(out, "null"...)
				i += n - 1
				continue
			}
		}
		out = append(out, c)
	}
	return out
}

// unwritable is the length of a number that JSON has no words for, at the start
// of text, or 0.
func unwritable(text []byte) int {
	for _, word := range []string{"NaN", "Infinity", "-Infinity"} {
		if bytes.HasPrefix(text, []byte(word)) {
			return len(word)
		}
	}
	return 0
}
