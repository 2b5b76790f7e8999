package job

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/rows"
)

// Asked is what models are asked for a row, in order; see Asking.
type Asked struct {
	mu     sync.Mutex
	calls  []rows.Call
	models map[string]map[string]bool // that answered, by role
}

type asking struct{}

// Asking returns a context in which the calls to models that Task.Chat opened are noted
// as one row's.
func Asking(ctx context.Context) (context.Context, *Asked) {
	a := &Asked{}
	return context.WithValue(ctx, asking{}, a), a
}

// Calls are those so far, from the n-th on.
func (a *Asked) Calls(n int) []rows.Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls[n:len(a.calls):len(a.calls)]
}

// Len is how many there are so far.
func (a *Asked) Len() int { return len(a.Calls(0)) }

// AnsweredBy are the models that answered, by role, as their provider named them beside
// the answers, in alphabetical order: an alias may stand for another one tomorrow. What
// stand-ins say of themselves is nothing new; nil where nobody else answered.
func (a *Asked) AnsweredBy() map[string][]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var by map[string][]string
	for role, models := range a.models {
		if by == nil {
			by = map[string][]string{}
		}
		by[role] = slices.Sorted(maps.Keys(models))
	}
	return by
}

// answered notes who answered a call of the row's.
func answered(ctx context.Context, role, model string) {
	a, ok := ctx.Value(asking{}).(*Asked)
	if !ok || model == "" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.models == nil {
		a.models = map[string]map[string]bool{}
	}
	if a.models[role] == nil {
		a.models[role] = map[string]bool{}
	}
	a.models[role][model] = true
}

// noted is a context in which a call of a role is noted as the row's, if it is one's.
func noted(ctx context.Context, role string) context.Context {
	a, ok := ctx.Value(asking{}).(*Asked)
	if !ok {
		return ctx
	}
	return llm.Noting(ctx, func(k llm.Key) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.calls = append(a.calls, rows.Call{Role: role, Key: rows.ShortKey(k)})
	})
}

// WriteCalls writes what was asked for a row; nothing where nothing was.
func (o *Output) WriteCalls(id string, calls []rows.Call) error {
	if len(calls) == 0 {
		return nil
	}
	return o.Row(rows.Calls{ID: id, Calls: calls})
}
