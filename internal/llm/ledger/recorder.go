package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
)

// An answer is one line of a segment's answers: a response, or the failure of a
// request that the provider refused.
type answer struct {
	Response *llm.Response `json:"response,omitempty"`
	Error    *refusal      `json:"error,omitempty"`
	// ElapsedMS is the time from asking to the answer, waits and retries
	// included, in milliseconds.
	ElapsedMS int64 `json:"elapsedMs"`
}

// A refusal is an *llm.Error of class llm.Refused. It fails its row, so a replay
// must meet it again; a run that may call the model asks anew.
type refusal struct {
	Status  int    `json:"status"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message"`
}

func (r *refusal) of(model string) *llm.Error {
	return &llm.Error{Model: model, Status: r.Status, Code: r.Code, Class: llm.Refused, Err: errors.New(r.Message)}
}

type recorder struct {
	ledger *Ledger
	book   *book
	model  string // the experiment's name for it
	next   llm.Chatter
}

func (r *recorder) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	canon, key, err := keyOf(r.book.digest, req)
	if err != nil {
		return nil, err
	}
	if note := llm.Noted(ctx); note != nil {
		note(key)
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f := r.book.begin(key, r.ledger.opt.ReplayOnly)
		switch {
		case f.line != nil:
			return r.replay(f.line, "not yet written")
		case f.seg != nil:
			line, err := r.book.read(ctx, key, f)
			if err != nil {
				return nil, err
			}
			return r.replay(line, f.seg.key)
		case f.flight == nil:
			return nil, fault.New(fault.Permanent, fmt.Errorf("model %s: request %s: %w; %s", r.model, key, ErrMiss, r.ledger.explain(ctx, r.book, key, canon)),
				"replay with the config, inputs and gymline version that were recorded, or run without --replay-only to call the model")
		case f.leads:
			resp, err := r.call(ctx, canon, key, req)
			if err == nil {
				shared := *resp // the caller may change its own
				f.flight.resp = &shared
			}
			f.flight.err = err
			r.book.land(key, f.flight)
			return resp, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-f.flight.done:
		}
		if errors.Is(f.flight.err, context.Canceled) || errors.Is(f.flight.err, context.DeadlineExceeded) {
			continue // the one who called gave up, and nobody else did
		}
		if f.flight.err != nil {
			return nil, f.flight.err
		}
		return replayed(*f.flight.resp), nil
	}
}

// call asks the model and records the exchange.
func (r *recorder) call(ctx context.Context, canon []byte, key llm.Key, req *llm.Request) (*llm.Response, error) {
	if err := r.ledger.admit(ctx, r.book); err != nil {
		return nil, err
	}
	start := r.ledger.opt.Now()
	resp, err := r.next.Chat(ctx, req)
	a := answer{ElapsedMS: r.ledger.opt.Now().Sub(start).Milliseconds()}
	switch e, ok := errors.AsType[*llm.Error](err); {
	case err == nil:
		// What is used now must be what a replay decodes later.
		resp.Content = strings.ToValidUTF8(resp.Content, "\uFFFD")
		a.Response = resp
	case ok && e.Class == llm.Refused:
		a.Error = &refusal{e.Status, e.Code, strings.ToValidUTF8(e.Err.Error(), "\uFFFD")}
	default:
		return nil, err
	}
	line, encErr := json.Marshal(a)
	if encErr != nil {
		return nil, fmt.Errorf("ledger: answer: %w", encErr)
	}
	full, recErr := r.book.record(key, canon, line, a.Error != nil)
	if recErr != nil {
		return nil, recErr
	}
	if full {
		r.ledger.full()
	}
	return resp, err
}

// replay decodes a recorded answer; where names its place in errors.
func (r *recorder) replay(line []byte, where string) (*llm.Response, error) {
	var a answer
	if err := json.Unmarshal(line, &a); err != nil {
		return nil, damaged(where, "answer", err)
	}
	switch {
	case a.Error != nil:
		return nil, a.Error.of(r.model)
	case a.Response != nil:
		return replayed(*a.Response), nil
	}
	return nil, damaged(where, "answer with neither response nor error", nil)
}

func replayed(resp llm.Response) *llm.Response {
	resp.Usage.Replayed = 1
	return &resp
}
