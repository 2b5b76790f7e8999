// Package linger lets what is under way finish after its caller was told to stop,
// so that an answer that is paid for is not thrown away.
package linger

import (
	"context"
	"time"

	"github.com/gymline/gymline/internal/llm"
)

// Wrap returns next, whose calls go on for up to d after ctx ends. An answer that
// comes in time is returned like any other; otherwise the error is ctx's. No
// call begins after ctx has ended.
func Wrap(next llm.Chatter, d time.Duration) llm.Chatter { return &lingerer{next, d} }

// Context returns one that ends d after ctx does, or at hangUp, which is to be called.
func Context(ctx context.Context, d time.Duration) (_ context.Context, hangUp context.CancelFunc) {
	longer, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		last := time.AfterFunc(d, end)
		context.AfterFunc(longer, func() { last.Stop() })
	})
	return longer, func() { stop(); end() }
}

type lingerer struct {
	next llm.Chatter
	d    time.Duration
}

func (l *lingerer) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	calling, hangUp := Context(ctx, l.d)
	defer hangUp()
	resp, err := l.next.Chat(calling, req)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return resp, err
}
