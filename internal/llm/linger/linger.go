// Package linger lets a chat request that is under way finish after its caller
// was told to stop, so that an answer that is paid for is not thrown away.
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

type lingerer struct {
	next llm.Chatter
	d    time.Duration
}

func (l *lingerer) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	calling, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hangUp()
	stop := context.AfterFunc(ctx, func() {
		last := time.AfterFunc(l.d, hangUp)
		context.AfterFunc(calling, func() { last.Stop() })
	})
	defer stop()
	resp, err := l.next.Chat(calling, req)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return resp, err
}
