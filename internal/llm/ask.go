package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// Ask sends req, which must have a schema, and decodes the JSON answer into T.
// An answer that does not decode, or that check refuses, is sent back with the
// reason, in conversation, at most repairs times; then the error is a *Malformed.
// req is not modified, and no repair is left in the caller's history.
func Ask[T any](ctx context.Context, c Chatter, req *Request, repairs int, check func(*T) error) (*T, error) {
	r := *req
	for try := 0; ; try++ {
		resp, err := c.Chat(ctx, &r)
		if err != nil {
			return nil, err
		}
		v := new(T)
		err = decode(resp, v)
		if err == nil && check != nil {
			err = check(v)
		}
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
		r.Messages = append(slices.Clip(slices.Clone(r.Messages)),
			Message{Assistant, said},
			Message{User, fmt.Sprintf("That answer cannot be used: %v. Answer again with one JSON object that matches the schema %q and nothing else.", err, req.Schema.Name)})
	}
}

// decode reads the JSON object in an answer, which a model without constrained
// decoding may have wrapped in prose or a code fence.
func decode(resp *Response, into any) error {
	if resp.FinishReason == "length" {
		return errors.New("it was cut off at the token limit")
	}
	text := resp.Content
	start, end := strings.IndexByte(text, '{'), strings.LastIndexByte(text, '}')
	if start < 0 || end < start {
		return errors.New("it holds no JSON object")
	}
	err := json.NewDecoder(strings.NewReader(text[start : end+1])).Decode(into)
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
