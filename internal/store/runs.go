package store

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// sortRuns orders by name, then number, so that quickstart-10 follows quickstart-9.
func sortRuns(ids []RunID) {
	slices.SortFunc(ids, func(a, b RunID) int {
		an, ai := splitRun(a)
		bn, bi := splitRun(b)
		return cmp.Or(cmp.Compare(an, bn), cmp.Compare(ai, bi), cmp.Compare(a, b))
	})
}

func splitRun(id RunID) (name string, number int) {
	if i := strings.LastIndexByte(string(id), '-'); i >= 0 {
		if n, err := strconv.Atoi(string(id[i+1:])); err == nil {
			return string(id[:i]), n
		}
	}
	return string(id), 0
}
