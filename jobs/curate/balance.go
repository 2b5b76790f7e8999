package curate

import (
	"cmp"
	"maps"
	"slices"
)

// slack makes up for a product of rows and a bound that comes out beside the
// whole number that it is, such as 0.29 × 100.
const slack = 1e-9

// names are the domains' in alphabetical order.
func (c *curator) names() []string { return slices.Sorted(maps.Keys(c.domains)) }

// used are the turns of a domain that no cause leaves out yet, and their sums.
func (c *curator) used(d *domain) (list []int32, rows, accepted int) {
	for _, i := range d.turns {
		if t := &c.turns[i]; t.cause == used {
			list = append(list, i)
			rows += int(t.rows)
			accepted += int(t.accepted)
		}
	}
	return list, rows, accepted
}

// balance leaves out turns of the larger side until the share of accepted rows
// is within its bounds: first those that are the most of that side, and among
// those alike the last by their draw. Dropping one may overshoot a narrow
// interval, so both sides may give, until one has nothing left; without rows
// every share is right.
func (c *curator) balance(d *domain) {
	list, rows, accepted := c.used(d)
	share := func(i int32) float64 { return float64(c.turns[i].accepted) / float64(c.turns[i].rows) }
	byDraw := func(a, b int32) int { return cmp.Compare(c.turns[a].draw, c.turns[b].draw) }
	var over, under []int32 // the next to drop is the last
	for _, i := range list {
		switch s := share(i); {
		case s > c.params.MaxAccepted:
			over = append(over, i)
		case s < c.params.MinAccepted:
			under = append(under, i)
		}
	}
	slices.SortStableFunc(over, func(a, b int32) int { return cmp.Or(cmp.Compare(share(a), share(b)), byDraw(a, b)) })
	slices.SortStableFunc(under, func(a, b int32) int { return cmp.Or(cmp.Compare(share(b), share(a)), byDraw(a, b)) })
	for {
		side := &over
		switch n, yes := float64(rows), float64(accepted); {
		case yes > c.params.MaxAccepted*n+slack:
		case yes < c.params.MinAccepted*n-slack:
			side = &under
		default:
			return
		}
		last := len(*side) - 1
		if last < 0 {
			return
		}
		t := &c.turns[(*side)[last]]
		*side = (*side)[:last]
		t.cause = balance
		rows -= int(t.rows)
		accepted -= int(t.accepted)
	}
}
