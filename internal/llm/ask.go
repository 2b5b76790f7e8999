package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// A Malformed is an answer that stayed unusable after every repair. It fails
// its row; Raw is kept for the row ledger.
type Malformed struct {
	Schema string
	Raw    string // the last answer
	Err    error  // what was wrong with it
}

func (e *Malformed) Error() string {
	return fmt.Sprintf("answer is not a valid %s: %v", e.Schema, e.Err)
}
func (e *Malformed) Unwrap() error { return e.Err }

// Unusable opens the message that sends an answer back.
const Unusable = "That answer cannot be used"

// Ask sends req, which must have a schema, and decodes the JSON answer into T.
// An answer that does not decode, or that check refuses, is sent back with the
// reason, in conversation, at most repairs times; then the error is a *Malformed.
// req is not modified, and no repair is left in the caller's history.
func Ask[T any](ctx context.Context, c Chatter, req *Request, repairs int, check func(*T) error) (*T, error) {
	for try := 0; ; try++ {
		resp, err := c.Chat(ctx, req)
		if err != nil {
			return nil, err
		}
		v, err := read(resp, check)
		if err == nil {
			return v, nil
		}
		if try >= repairs {
			return nil, &Malformed{Schema: req.Schema.Name, Raw: resp.Content, Err: err}
		}
		said := resp.Content
		if strings.TrimSpace(said) == "" {
			said = "(no answer)" // several providers refuse a history with an empty text
		}
		again := *req
		again.Messages = append(slices.Clip(req.Messages),
			Message{Assistant, said},
			Message{User, fmt.Sprintf(Unusable+": %v. Answer again with one JSON object that matches the schema %q and nothing else.", err, req.Schema.Name)})
		req = &again
	}
}

// read finds the JSON object in an answer, which a model without constrained
// decoding may have wrapped in prose, a code fence or reasoning, or given twice:
// the first object that decodes and that check accepts. The error is what is
// wrong with the first object, or else with what looks like one.
func read[T any](resp *Response, check func(*T) error) (*T, error) {
	if resp.FinishReason == "length" {
		return nil, errors.New("it was cut off at the token limit")
	}
	reason := errors.New("it holds no JSON object")
	first := true
	for object := range objects(afterReasoning(resp.Content)) {
		v := new(T)
		err := decode(object, v)
		if err == nil && check != nil {
			err = check(v)
		}
		if err == nil {
			return v, nil
		}
		if first {
			first, reason = false, err
		}
	}
	return nil, reason
}

// afterReasoning leaves out the reasoning block that some models put before
// their answer. Its opening tag may be missing: templates put it into the prompt.
func afterReasoning(text string) string {
	const open, end = "<think>", "</think>"
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		return text // an answer may speak of tags
	}
	if i := strings.LastIndex(text, end); i >= 0 && strings.Contains(text[i:], "{") {
		return text[i+len(end):]
	}
	if strings.HasPrefix(strings.TrimSpace(text), open) {
		return "" // thought without an answer
	}
	return text
}

// objects yields what looks like a JSON object, in order, none within another.
// One that is not closed comes last and reaches to the last brace: what follows
// its beginning may be a part of it.
func objects(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		last := strings.LastIndexByte(text, '}')
		stray := "" // a brace of prose, which is a reason of last resort
		for {
			start := strings.IndexByte(text[:last+1], '{')
			if start < 0 {
				break
			}
			text, last = text[start:], last-start
			if next := strings.TrimLeft(text[1:], " \t\r\n"); next[0] != '"' && next[0] != '}' {
				if stray == "" {
					stray = text[:last+1]
				}
				text, last = text[1:], last-1
				continue
			}
			end := closing(text)
			if end == 0 {
				yield(text[:last+1])
				return
			}
			stray = ""
			if !yield(text[:end]) {
				return
			}
			text, last = text[end:], last-end
		}
		if stray != "" {
			yield(stray)
		}
	}
}

// closing returns the length of the object that text starts with, or 0 when it
// is not closed. Braces within strings do not count.
func closing(text string) int {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		special := `"{}`
		if quoted {
			special = `"\`
		}
		next := strings.IndexAny(text[i:], special)
		if next < 0 {
			return 0
		}
		i += next
		switch text[i] {
		case '"':
			quoted = !quoted
		case '\\':
			i++
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// decode reads one object.
func decode(object string, into any) error {
	err := json.NewDecoder(strings.NewReader(object)).Decode(into)
	// The reason becomes part of the next request, and so of its key in the
	// ledger: the words are ours, that no Go release may change.
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%q must not be a JSON %s", e.Field, e.Value)
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("its JSON is broken at byte %d", e.Offset)
	}
	if err != nil {
		return errors.New("its JSON object is not closed")
	}
	return nil
}
