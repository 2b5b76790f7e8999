package llm

import (
	"fmt"
	"math"
	"strconv"

	"github.com/dustin/go-humanize"
)

// Paid returns what calls are billed at: the price, or the Batch API's where
// that is asked; nil where no price is known.
func (a Access) Paid() *Price {
	if a.Price == nil || a.Batch == nil {
		return a.Price
	}
	share := a.Price.Batch
	if share == 0 {
		share = 0.5
	}
	return &Price{Prompt: share * a.Price.Prompt, Cached: share * a.Price.Cached, Completion: share * a.Price.Completion}
}

// Cost is the price of tokens, in US dollars.
func (p Price) Cost(u Usage) float64 {
	return (float64(u.Prompt-u.Cached)*p.Prompt + float64(u.Cached)*p.Cached + float64(u.Completion)*p.Completion) / 1e6
}

// Free reports whether no token costs anything.
func (p Price) Free() bool { return p.Prompt == 0 && p.Cached == 0 && p.Completion == 0 }

// Dollars writes a sum to the cent, and one below a dollar to two digits that
// count, down to a millionth: $1,234.50, $0.012.
func Dollars(usd float64) string {
	if usd < 0 {
		return "-" + Dollars(-usd)
	}
	switch {
	case usd > 0 && usd < 0.000_000_5:
		return "<$0.000001"
	case usd > 0 && usd < 0.995:
		digits := 1 - int(math.Floor(math.Log10(usd)))
		return "$" + strconv.FormatFloat(usd, 'f', min(max(2, digits), 6), 64)
	}
	return "$" + humanize.FormatFloat("#,###.##", usd)
}

// Count writes a large number to about three figures: 950, 81.2k, 3.4M, 1.2B.
func Count(n int64) string {
	switch f := float64(n); {
	case f < 1000:
		return strconv.FormatInt(n, 10)
	case f < 999_950:
		return fmt.Sprintf("%.1fk", f/1e3)
	case f < 999_950_000:
		return fmt.Sprintf("%.1fM", f/1e6)
	default:
		return fmt.Sprintf("%.1fB", f/1e9)
	}
}
