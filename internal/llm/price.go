package llm

// Paid returns what calls are billed at: the price, or the Batch API's where
// that is asked; nil where no price is known.
func (a Access) Paid() *Price {
	if a.Price == nil || a.Batch == nil {
		return a.Price
	}
	part := a.Price.Batch
	if part == 0 {
		part = 0.5
	}
	return &Price{Prompt: part * a.Price.Prompt, Cached: part * a.Price.Cached, Completion: part * a.Price.Completion}
}

// Cost is the price of tokens, in US dollars.
func (p Price) Cost(u Usage) float64 {
	return (float64(u.Prompt-u.Cached)*p.Prompt + float64(u.Cached)*p.Cached + float64(u.Completion)*p.Completion) / 1e6
}

// Free reports whether no token costs anything.
func (p Price) Free() bool { return p.Prompt == 0 && p.Cached == 0 && p.Completion == 0 }
