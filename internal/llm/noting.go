package llm

import "context"

type noting struct{}

// Noting returns a context in which calls tell note of the keys that their requests
// have, as the ledger records them.
func Noting(ctx context.Context, note func(Key)) context.Context {
	return context.WithValue(ctx, noting{}, note)
}

// Noted returns who is told of keys, nil where nobody is.
func Noted(ctx context.Context) func(Key) {
	note, _ := ctx.Value(noting{}).(func(Key))
	return note
}
