package provider

import (
	"context"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/ledger"
)

// keyed tells of the keys that requests to a stand-in have, as the ledger does of what
// it records.
func keyed(c llm.Chatter, m llm.Model) (llm.Chatter, error) {
	of, _, err := ledger.Keys(m)
	if err != nil {
		return nil, err
	}
	return llm.ChatFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
		if note := llm.Noted(ctx); note != nil {
			key, err := of(req)
			if err != nil {
				return nil, err
			}
			note(key)
		}
		return c.Chat(ctx, req)
	}), nil
}
