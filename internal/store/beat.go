package store

import (
	"context"
	"errors"
)

// A beat says when a process was last at work on a run.
type beat struct {
	Format int    `json:"format"`
	Run    RunID  `json:"run"`
	At     string `json:"at"`
}

// Beat notes that a process is at work on a run, in place of what it noted before.
func (s *Store) Beat(ctx context.Context, id RunID, at string) error {
	return s.replace(ctx, beat{FormatVersion, id, at})
}

// LastBeat returns when a process was last at work on a run, "" where nobody noted it.
func (s *Store) LastBeat(ctx context.Context, id RunID) (string, error) {
	b, err := read(ctx, s, beat{Run: id})
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrUnreadable) {
		return "", nil
	}
	return b.At, err
}
