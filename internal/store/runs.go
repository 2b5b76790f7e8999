package store

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Runs returns the IDs of all runs, by name and then number, so that
// quickstart-10 follows quickstart-9.
func (s *Store) Runs(ctx context.Context) ([]RunID, error) {
	ids, err := s.runs(ctx, "")
	slices.SortFunc(ids, func(a, b RunID) int {
		an, ai := SplitRun(a)
		bn, bi := SplitRun(b)
		return cmp.Or(cmp.Compare(an, bn), cmp.Compare(ai, bi), cmp.Compare(a, b))
	})
	return ids, err
}

// RunsOf returns the IDs that may be an experiment's runs, in no order: its name and a
// number, or a time where a schedule named them. Of the latter only the record tells
// whose they are, because an experiment's name may have dashes, too.
func (s *Store) RunsOf(ctx context.Context, experiment string) ([]RunID, error) {
	ids, err := s.runs(ctx, experiment+"-")
	return slices.DeleteFunc(ids, func(id RunID) bool { name, n := SplitRun(id); return n > 0 && name != experiment }), err
}

// LastRun returns the highest number of a run of that experiment, 0 for none. Numbers of
// runs that were removed stay taken.
func (s *Store) LastRun(ctx context.Context, experiment string) (int, error) {
	var ids, removed []RunID
	err := SideBySide(ctx, 2, func(i int) (err error) {
		if i == 0 {
			ids, err = s.runs(ctx, experiment+"-")
			return err
		}
		for key, err := range s.bucket.List(ctx, "removed/"+experiment+"-") {
			if err != nil {
				return err
			}
			removed = append(removed, RunID(strings.TrimSuffix(strings.TrimPrefix(key, "removed/"), ".json")))
		}
		return nil
	})
	last := 0
	for _, id := range slices.Concat(ids, removed) {
		if name, n := SplitRun(id); name == experiment {
			last = max(last, n)
		}
	}
	return last, err
}

// A Folders bucket can list what lies right below a prefix: folders, as keys with a
// slash at their end, and objects. What is in the folders costs nothing then.
type Folders interface {
	Folders(ctx context.Context, prefix string) iter.Seq2[string, error]
}

// runs returns the IDs of runs that start with prefix; where the bucket lists folders,
// also of what is left of a run without its record.
func (s *Store) runs(ctx context.Context, prefix string) (ids []RunID, err error) {
	list, end := s.bucket.List, "/run.json"
	if b, ok := s.bucket.(Folders); ok {
		list, end = b.Folders, "/"
	}
	for key, err := range list(ctx, "runs/"+prefix) {
		if err != nil {
			return nil, err
		}
		if id, ok := strings.CutSuffix(strings.TrimPrefix(key, "runs/"), end); ok && checkName("run", id) == nil {
			ids = append(ids, RunID(id))
		}
	}
	return ids, nil
}

// maxNumber is the highest number that a run has, so that there is one after each.
const maxNumber = 1 << 53

// SplitRun returns the experiment and the number that make a run's ID; 0 is none.
func SplitRun(id RunID) (name string, number int) {
	if i := strings.LastIndexByte(string(id), '-'); i >= 0 {
		if n, err := strconv.Atoi(string(id[i+1:])); err == nil && int64(n) <= maxNumber {
			return string(id[:i]), n
		}
	}
	return string(id), 0
}

// Overnumbered reports whether an ID ends with a number so high that an experiment could
// run out of them: no run has come to it by itself.
func Overnumbered(id RunID) bool {
	i := strings.LastIndexByte(string(id), '-')
	if i < 0 {
		return false
	}
	n, err := strconv.ParseUint(string(id[i+1:]), 10, 64)
	return errors.Is(err, strconv.ErrRange) || err == nil && n > maxNumber/2
}
