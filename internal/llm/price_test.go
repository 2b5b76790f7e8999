package llm

import "testing"

func TestCost(t *testing.T) {
	price := &Price{Prompt: 10, Cached: 1, Completion: 20} // dollars per million tokens
	used := Usage{Prompt: 1000, Cached: 400, Completion: 100}
	whole := (600*10 + 400*1 + 100*20) / 1e6
	for _, c := range []struct {
		access Access
		want   float64
	}{
		{Access{Price: price}, whole},
		{Access{Price: price, Batch: &Batching{}}, whole / 2},
		{Access{Price: &Price{Prompt: 10, Cached: 1, Completion: 20, Batch: 0.25}, Batch: &Batching{}}, whole / 4},
		{Access{Price: &Price{Prompt: 10, Cached: 1, Completion: 20, Batch: 0.25}}, whole},
	} {
		if got := c.access.Paid().Cost(used); got != c.want {
			t.Errorf("%+v: %v dollars, want %v", c.access, got, c.want)
		}
	}
	if (Access{Batch: &Batching{}}).Paid() != nil {
		t.Error("a model without a price got one")
	}
}
