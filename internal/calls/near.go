package calls

import (
	"cmp"
	"slices"

	"github.com/gymline/gymline/internal/text"
)

// A nearest finds the names that are most like one that is not there.
type nearest struct {
	to   string
	best []near // the nearest first
}

type near struct {
	name     string
	distance int
}

// mostNear is how many names are told.
const mostNear = 3

func (n *nearest) consider(name string) {
	d := text.Distance(n.to, name)
	if len(n.best) == mostNear && d >= n.best[mostNear-1].distance || slices.ContainsFunc(n.best, func(b near) bool { return b.name == name }) {
		return
	}
	n.best = append(n.best, near{name, d})
	slices.SortStableFunc(n.best, func(a, b near) int { return cmp.Compare(a.distance, b.distance) })
	n.best = n.best[:min(len(n.best), mostNear)]
}

func (n *nearest) names() (list []string) {
	for _, b := range n.best {
		list = append(list, b.name)
	}
	return list
}
