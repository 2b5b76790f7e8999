package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// failureRecord is a failure as it is stored.
type failureRecord struct {
	Format int   `json:"format"`
	Run    RunID `json:"run"`
	Failure
}

// PutFailure records why a shard failed, in place of what an earlier attempt left.
func (s *Store) PutFailure(ctx context.Context, id RunID, f Failure) error {
	return s.replace(ctx, failureRecord{FormatVersion, id, f})
}

// Failures returns why shards of a run failed, by step and shard. A shard that
// was done since is left out. Of records that cannot be read the error tells, an
// ErrUnreadable; the list has all others.
func (s *Store) Failures(ctx context.Context, id RunID) ([]Failure, error) {
	prefix, err := runKey(id, "failures/")
	if err != nil {
		return nil, err
	}
	var list []Failure
	var unread error
	for key, err := range s.bucket.List(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		step, rest, _ := strings.Cut(strings.TrimPrefix(key, prefix), "/")
		shard, err := strconv.Atoi(strings.TrimSuffix(rest, ".json"))
		want := failureRecord{Run: id, Failure: Failure{Step: StepName(step), Shard: shard}}
		if own, keyErr := want.key(); err != nil || keyErr != nil || own != key {
			continue // not ours
		}
		f, err := read(ctx, s, want)
		if errors.Is(err, ErrUnreadable) {
			unread = errors.Join(unread, err)
			continue
		}
		if err != nil {
			return nil, err
		}
		if _, err := s.ReadStep(ctx, id, f.Step, f.Shard); err == nil {
			continue
		} else if !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrUnreadable) {
			return nil, err
		}
		list = append(list, f.Failure)
	}
	slices.SortFunc(list, func(a, b Failure) int { return cmp.Or(cmp.Compare(a.Step, b.Step), cmp.Compare(a.Shard, b.Shard)) })
	return list, unread
}
