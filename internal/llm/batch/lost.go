package batch

import (
	"context"
	"errors"
	"fmt"

	"github.com/gymline/gymline/internal/llm"
)

// A lostError is a try that was billed and whose answer was not seen. The request
// may be asked anew, once that is paid for.
type lostError struct{ error }

func (e lostError) Unwrap() error { return e.error }

// Anew returns next, a Batcher and what pays for its calls, with requests asked
// anew whose answer was lost. So a budget sees each try.
func Anew(next llm.Chatter) llm.Chatter { return anew{next} }

type anew struct{ next llm.Chatter }

func (a anew) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	for {
		resp, err := a.next.Chat(ctx, req)
		if _, lost := errors.AsType[lostError](err); !lost {
			return resp, err
		}
	}
}

// lose answers asks whose tries were billed in vain. Each is asked a bounded
// number of times, as after any other failure.
func (b *Batcher) lose(e *entry, asks []*ask, how string) {
	for _, a := range asks {
		err := &llm.Error{Model: b.opt.Model, Code: "answer_lost", Class: llm.Retryable, Billed: true, Err: fmt.Errorf("it %s", how)}
		if a.tries.number++; a.tries.number >= maxTries {
			b.answer(a, nil, b.enough(a, e, err))
			continue
		}
		b.mu.Lock()
		b.vain[a.key] = a.tries
		b.mu.Unlock()
		b.answer(a, nil, lostError{err})
	}
}
