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
		{Access{Price: price, Batch: &Batch{}}, whole / 2},
		{Access{Price: &Price{Prompt: 10, Cached: 1, Completion: 20, Batch: 0.25}, Batch: &Batch{}}, whole / 4},
		{Access{Price: &Price{Prompt: 10, Cached: 1, Completion: 20, Batch: 0.25}}, whole},
	} {
		if got := c.access.Paid().Cost(used); got != c.want {
			t.Errorf("%+v: %v dollars, want %v", c.access, got, c.want)
		}
	}
	if (Access{Batch: &Batch{}}).Paid() != nil {
		t.Error("a model without a price got one")
	}
}

func TestDollars(t *testing.T) {
	for usd, want := range map[float64]string{
		12.5: "$12.50", 12.494: "$12.49", 0: "$0.00", 0.5: "$0.50", 0.0123: "$0.012", 0.000096: "$0.000096", -0.25: "-$0.25", 1234.5: "$1,234.50", 1_234_567.8: "$1,234,567.80", 0.994: "$0.99", 0.996: "$1.00",
		0.0000014: "$0.000001", 1e-9: "<$0.000001",
	} {
		if got := Dollars(usd); got != want {
			t.Errorf("%v: %s, want %s", usd, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1.0k", 81_249: "81.2k", 999_949: "999.9k", 999_950: "1.0M", 3_400_000: "3.4M", 999_950_000: "1.0B"} {
		if got := Count(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
