package provider

import (
	"testing"

	"github.com/gymline/gymline/internal/llm"
)

func TestPrice(t *testing.T) {
	price := &llm.Price{Prompt: 10, Cached: 1, Completion: 20} // dollars per million tokens
	for _, c := range []struct {
		price *llm.Price
		usage llm.Usage
		want  float64
	}{
		{nil, llm.Usage{Prompt: 1000}, 0},
		{price, llm.Usage{Prompt: 1000, Cached: 400, Completion: 100}, (600*10 + 400*1 + 100*20) / 1e6},
		{price, llm.Usage{Prompt: 1000, Completion: 100, Replayed: 1}, 0},
	} {
		resp, err := priced(replies("", c.usage), c.price).Chat(t.Context(), nil)
		if err != nil || resp.Usage.USD != c.want {
			t.Errorf("%+v: %v dollars (%v), want %v", c.usage, resp.Usage.USD, err, c.want)
		}
	}
}
