package metrics

import "math"

// Round rounds x to that many decimals, at most 15. Processors differ in the
// last bits of x*y+z, which some compute in one step: a number that is not a
// ratio of whole ones is rounded where it is made, so that digests agree.
func Round(x float64, decimals int) float64 {
	scale := math.Pow10(decimals)
	return math.Round(x*scale) / scale
}
