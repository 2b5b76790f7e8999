// Package text writes numbers for people, cuts texts that would drown a page or a
// message, and makes those of others safe to show.
package text

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
)

// Count groups a number's thousands: 1,629.
func Count[N int | int64](n N) string { return humanize.Comma(int64(n)) }

// Short writes a large number to about three figures: 950, 81.2k, 3.4M, 1.2B.
func Short[N int | int64](n N) string {
	switch f := float64(n); {
	case f < 1000:
		return strconv.FormatInt(int64(n), 10)
	case f < 999_950:
		return fmt.Sprintf("%.1fk", f/1e3)
	case f < 999_950_000:
		return fmt.Sprintf("%.1fM", f/1e6)
	default:
		return fmt.Sprintf("%.1fB", f/1e9)
	}
}

// Noun is a noun in the number that n asks for: 1 row, 2 rows.
func Noun[N int | int64](n N, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

// Plural counts things: 1 row, 1,200 rows.
func Plural[N int | int64](n N, noun string) string { return Count(n) + " " + Noun(n, noun) }

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

// Bytes writes a size in powers of 1024: 81 MiB.
func Bytes(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// Clip shortens a text to that many characters, the sign that it did included.
func Clip(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return strings.TrimSpace(string(r[:most-1])) + "…"
}

// ClipBytes shortens a text to that many bytes, and the sign that it did.
func ClipBytes(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// Percent is a score in [0,1] in percent, or points, to one decimal.
func Percent(score float64) string { return fmt.Sprintf("%.1f", 100*score) }

// Mean is a score in percent with its standard deviation between repeats, where there
// are some.
func Mean(score float64, sd *float64) string {
	if sd == nil {
		return Percent(score)
	}
	return Percent(score) + " ±" + Percent(*sd)
}

// Interval is one of a score in percent; "none" where there is none.
func Interval(ci *[2]float64) string {
	if ci == nil {
		return "none"
	}
	return fmt.Sprintf("[%s, %s]", Percent(ci[0]), Percent(ci[1]))
}
