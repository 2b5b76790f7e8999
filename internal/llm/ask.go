package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
)

// A Malformed is an answer that stayed unusable after every repair. It fails
// its row; Raw is kept for the row ledger.
type Malformed struct {
	Schema string
	Raw    string // the last answer
	Err    error  // what was wrong with it
	Remedy string // what a person can do about it, if known
}

func (e *Malformed) Error() string {
	return fmt.Sprintf("answer is not a valid %s: %v", e.Schema, e.Err)
}
func (e *Malformed) Unwrap() error { return e.Err }
func (e *Malformed) Hint() string  { return e.Remedy }

// untangle is what helps where a server puts answers beside their place.
const untangle = "raise maxTokens if the model thinks longer than that; else start its server without a parser of reasoning or tools, or set the model's schema to text"

// Unusable opens the message that sends an answer back.
const Unusable = "That answer cannot be used"

// Ask sends req, which must have a schema, and decodes the JSON answer into T.
// An answer that does not decode, or that check refuses, is sent back with the
// reason, in conversation, at most repairs times; then the error is a *Malformed.
// So it is at once for one without a text whose provider put something elsewhere:
// asking again does not mend a server.
// Control tokens of chat templates are taken apart in all that is sent.
// req is not modified, and no repair is left in the caller's history.
func Ask[T any](ctx context.Context, c Chatter, req *Request, repairs int, check func(*T) error) (*T, error) {
	for try := 0; ; try++ {
		resp, err := c.Chat(ctx, withoutControl(req))
		if err != nil {
			return nil, err
		}
		if resp.Elsewhere != "" && strings.TrimSpace(resp.Content) == "" {
			err := fmt.Errorf("its text is empty, and what was said stands in %s (finish reason %.40q)", resp.Elsewhere, resp.FinishReason)
			return nil, &Malformed{Schema: req.Schema.Name, Raw: resp.Content, Err: err, Remedy: untangle}
		}
		v, err := read(resp, check)
		if err == nil {
			return v, nil
		}
		if try >= repairs {
			if why := resp.FinishReason; why != "" && why != "stop" && why != Length {
				err = fmt.Errorf("%w (finish reason %.40q)", err, why)
			}
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
// the one that decodes and that check accepts. Two that differ are none, for one
// of them is a draft. The error is what is wrong with the first object, or else
// with what looks like one.
func read[T any](resp *Response, check func(*T) error) (*T, error) {
	text, cut := spoken(resp.Content), resp.FinishReason == Length
	reason := errors.New("it holds no JSON object")
	first := true
	var found *T
	for object := range objects(text) {
		v := new(T)
		err := decode(object, v)
		if err == nil && check != nil {
			err = check(v)
		}
		if err == nil && cut && !outermost(text, object) {
			continue
		}
		switch {
		case err == nil && found != nil && !reflect.DeepEqual(v, found):
			return nil, errors.New("it holds two answers that differ")
		case err == nil:
			found = v
		case first:
			reason = err
		}
		first = false
	}
	switch {
	case found != nil:
		return found, nil
	case cut:
		return nil, errors.New("it was cut off at the token limit")
	}
	return nil, reason
}

// outermost reports whether an object stands at the beginning or the end of a
// text. In one that was cut off, any other may be thought before an answer that
// never came.
func outermost(text, object string) bool {
	const fence = " \t\r\n`"
	begin := strings.TrimLeft(strings.TrimPrefix(strings.TrimLeft(text, fence), "json"), fence)
	return strings.HasPrefix(begin, object) || strings.HasSuffix(strings.TrimRight(text, fence), object)
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
