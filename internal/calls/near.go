package calls

import (
	"cmp"
	"slices"
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
	d := distance(n.to, name)
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

// distance is how many letters have to be put in, taken out or changed to make one text
// of the other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, before+1, row[j]+1)
		}
	}
	return row[len(b)]
}
