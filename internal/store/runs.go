package store

import (
	"cmp"
	"context"
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

// LastRun returns the highest number of a run of that experiment, 0 for none.
func (s *Store) LastRun(ctx context.Context, experiment string) (int, error) {
	last := 0
	for key, err := range s.bucket.List(ctx, "runs/"+experiment+"-") {
		if err != nil {
			return 0, err
		}
		id, rest, _ := strings.Cut(strings.TrimPrefix(key, "runs/"), "/")
		if name, n := splitRun(RunID(id)); rest == "run.json" && name == experiment {
			last = max(last, n)
		}
	}
	return last, nil
}

func splitRun(id RunID) (name string, number int) {
	if i := strings.LastIndexByte(string(id), '-'); i >= 0 {
		if n, err := strconv.Atoi(string(id[i+1:])); err == nil {
			return string(id[:i]), n
		}
	}
	return string(id), 0
}
