package curate

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/fault"
)

// fill chooses exactly the quota of each domain, or fails and says what every
// domain lacks.
func (c *curator) fill() error {
	q := c.params.Quota
	var short, uneven []string
	enough, unknown := 0, false // sessions
	for _, name := range c.names() {
		d := c.domains[name]
		list, rows, _ := c.used(d)
		switch {
		case rows < q:
			short = append(short, fmt.Sprintf("%s has %d", shown(name), rows))
			if rows == 0 {
				unknown = true
			} else {
				// The domains grow alike with the sessions; a tenth is to spare.
				enough = max(enough, int(math.Ceil(float64(len(c.sessions))*1.1*float64(q)/float64(rows))))
			}
		case !c.pick(list):
			uneven = append(uneven, shown(name))
		}
	}
	switch {
	case len(short) > 0:
		hint := "raise generate.scenes.count or generate.sessions, add scenes to the file, or lower curate.quota"
		if !unknown {
			hint = fmt.Sprintf("about %d sessions in all would do (there are %d): %s", enough, len(c.sessions), hint)
		}
		return fault.New(fault.Permanent, fmt.Errorf("curate: the quota is %d rows for each domain, and too few are left: %s", q, strings.Join(short, ", ")), hint)
	case len(uneven) > 0:
		return fault.New(fault.Permanent, errors.New("curate: "+strings.Join(uneven, ", ")+fmt.Sprintf(
			": no choice of turns has exactly %d rows, of which %g to %g are accepted", q, c.params.MinAccepted*float64(q), c.params.MaxAccepted*float64(q))),
			"choose another curate.quota, or wider curate.acceptance; with generate.candidates above 1 the rows of a turn come together")
	}
	return nil
}

func shown(domain string) string {
	if domain == "" {
		return "the domain without a name"
	}
	return domain
}

// A kind is the turns that give the same rows, in the order of their draws.
type kind struct {
	rows, accepted int
	turns          []int32
	take           int
}

// pick leaves out turns until the rest has exactly the quota of rows, with an
// allowed share of accepted ones; false when it cannot. Kinds of turns keep
// their proportions but for the few that make the sum exact.
func (c *curator) pick(list []int32) bool {
	kinds, rows := c.kinds(list), 0
	for _, k := range kinds {
		rows += k.rows * len(k.turns)
	}
	q := c.params.Quota
	for i := range kinds {
		kinds[i].take = int(int64(len(kinds[i].turns)) * int64(q) / int64(rows))
	}
	low := int(math.Ceil(c.params.MinAccepted*float64(q) - slack))
	high := int(math.Floor(c.params.MaxAccepted*float64(q) + slack))
	if !settle(kinds, q, low, high) {
		return false
	}
	for _, k := range kinds {
		for _, i := range k.turns[k.take:] {
			c.turns[i].cause = quota
		}
	}
	return true
}

func (c *curator) kinds(list []int32) []kind {
	var kinds []kind
	for _, i := range list {
		t := &c.turns[i]
		at := slices.IndexFunc(kinds, func(k kind) bool { return k.rows == int(t.rows) && k.accepted == int(t.accepted) })
		if at < 0 {
			at = len(kinds)
			kinds = append(kinds, kind{rows: int(t.rows), accepted: int(t.accepted)})
		}
		kinds[at].turns = append(kinds[at].turns, i)
	}
	for _, k := range kinds {
		slices.SortStableFunc(k.turns, func(a, b int32) int { return cmp.Compare(c.turns[a].draw, c.turns[b].draw) })
	}
	slices.SortFunc(kinds, func(a, b kind) int { return cmp.Or(a.rows-b.rows, a.accepted-b.accepted) })
	return kinds
}

type sum struct{ rows, accepted int }

// A way leads to a sum: by how much it changed the last kind, and all changes.
type way struct{ delta, changes int }

// settle rounds the takes, which were rounded down, so that the rows are exactly
// q and the accepted ones from low to high, with as few changes as will do; false
// when that takes more than a handful of each kind.
func settle(kinds []kind, q, low, high int) bool {
	total, largest := sum{}, 0
	for _, k := range kinds {
		total.rows += k.take * k.rows
		total.accepted += k.take * k.accepted
		largest = max(largest, k.rows)
	}
	for i := range kinds { // what is missing is now less than one of some kind
		if k := &kinds[i]; k.take < len(k.turns) && total.rows+k.rows <= q {
			k.take++
			total = sum{total.rows + k.rows, total.accepted + k.accepted}
		}
	}
	reach, window := largest+1, 3*largest+len(kinds)
	layers := []map[sum]way{{total: {}}}
	for _, k := range kinds {
		next := map[sum]way{}
		for s, w := range layers[len(layers)-1] {
			for d := max(-k.take, -reach); d <= min(len(k.turns)-k.take, reach); d++ {
				to, by := sum{s.rows + d*k.rows, s.accepted + d*k.accepted}, way{d, w.changes + max(d, -d)}
				if apart(to.rows, q) > window || apart(to.accepted, total.accepted) > window {
					continue
				}
				if old, ok := next[to]; !ok || by.changes < old.changes || by.changes == old.changes && by.delta > old.delta {
					next[to] = by
				}
			}
		}
		layers = append(layers, next)
	}
	var best *sum
	last := layers[len(kinds)]
	for s, w := range last {
		if s.rows != q || s.accepted < low || s.accepted > high {
			continue
		}
		if best == nil || w.changes < last[*best].changes || w.changes == last[*best].changes && s.accepted < best.accepted {
			best = &s
		}
	}
	if best == nil {
		return false
	}
	at := *best
	for i := len(kinds) - 1; i >= 0; i-- {
		k := &kinds[i]
		d := layers[i+1][at].delta
		k.take += d
		at = sum{at.rows - d*k.rows, at.accepted - d*k.accepted}
	}
	return true
}

func apart(a, b int) int { return max(a-b, b-a) }
