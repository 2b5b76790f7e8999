package metrics

import (
	"math"
	"testing"
)

func TestRound(t *testing.T) {
	for _, c := range []struct {
		x        float64
		decimals int
		want     float64
	}{{.1 + .2, 6, .3}, {.3, 6, .3}, {-1.23456789, 4, -1.2346}, {.5500015, 7, .5500015}, {1234.5, 0, 1235}, {-.5, 0, -1}, {0, 9, 0}} {
		if got := Round(c.x, c.decimals); got != c.want {
			t.Errorf("Round(%v, %d) = %v, want %v", c.x, c.decimals, got, c.want)
		}
	}
	x, y, z := 0.1, 10.0, -1.0
	if apart, fused := x*y+z, math.FMA(x, y, z); apart == fused || Round(apart, 6) != Round(fused, 6) {
		t.Errorf("in two steps %v, in one %v: they differ, and rounded they must not", apart, fused)
	}
}
