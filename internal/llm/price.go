package llm

import (
	"cmp"
	"fmt"
)

// Paid returns what calls are billed at: the price, or the Batch API's where
// that is asked; nil where no price is known.
func (a Access) Paid() *Price {
	if a.Price == nil || a.Batch == nil {
		return a.Price
	}
	part := cmp.Or(a.Price.Batch, 0.5)
	return &Price{Prompt: part * a.Price.Prompt, Cached: part * a.Price.Cached, Completion: part * a.Price.Completion}
}

// Cost is the price of tokens, in US dollars. It is never below 0, whatever the counts.
func (p Price) Cost(u Usage) float64 {
	prompt, completion := max(u.Prompt, 0), max(u.Completion, 0)
	cached := min(max(u.Cached, 0), prompt)
	return (float64(prompt-cached)*p.Prompt + float64(cached)*p.Cached + float64(completion)*p.Completion) / 1e6
}

// Free reports whether no token costs anything.
func (p Price) Free() bool { return p.Prompt == 0 && p.Cached == 0 && p.Completion == 0 }

// String is how people read it.
func (p Price) String() string {
	return fmt.Sprintf("$%g, cached $%g, completion $%g a million tokens", p.Prompt, p.Cached, p.Completion)
}
