package store

import (
	"context"
	"errors"
	"strconv"
	"strings"
)

// A Note is what somebody wrote of a run. The last one of a run holds; an empty text
// takes the one before it away.
type Note struct {
	Format int    `json:"format"`
	Run    RunID  `json:"run"`
	Number int    `json:"number"` // from 1, without a gap
	Text   string `json:"text"`
	By     string `json:"by,omitempty"` // who, as the machine calls them
	At     string `json:"at"`
}

// A Tag is a name for a run. The last record of a name holds: it names a run, or none.
type Tag struct {
	Format int    `json:"format"`
	Name   string `json:"tag"`
	Number int    `json:"number"` // from 1, without a gap
	Run    RunID  `json:"run,omitempty"`
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
	At     string `json:"at"`
}

// AddNote writes a run's next note, once.
func (s *Store) AddNote(ctx context.Context, n Note) error {
	n.Format = FormatVersion
	return s.next(ctx, "notes/"+string(n.Run)+"/", func(number int) record { n.Number = number; return n })
}

// AddTag writes a name's next record, once.
func (s *Store) AddTag(ctx context.Context, t Tag) error {
	t.Format = FormatVersion
	return s.next(ctx, "tags/"+t.Name+"/", func(number int) record { t.Number = number; return t })
}

// next writes the record after the last one below a prefix.
func (s *Store) next(ctx context.Context, prefix string, numbered func(int) record) error {
	for {
		last, err := s.lasts(ctx, prefix)
		if err != nil {
			return err
		}
		number := 1
		for _, n := range last {
			number = n + 1
		}
		if err := s.create(ctx, numbered(number)); !errors.Is(err, ErrExists) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// lasts returns the highest number below each folder of a prefix, by its key.
func (s *Store) lasts(ctx context.Context, prefix string) (map[string]int, error) {
	last := map[string]int{}
	for key, err := range s.bucket.List(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		at := strings.LastIndexByte(key, '/')
		if n, err := strconv.Atoi(strings.TrimSuffix(key[at+1:], ".json")); err == nil {
			last[key[:at]] = max(last[key[:at]], n)
		}
	}
	return last, nil
}

// Notes returns the note of every run that has one. A note that cannot be read is none.
func (s *Store) Notes(ctx context.Context) (map[RunID]Note, error) {
	list, err := latest(ctx, s, "notes/", func(name string, n int) Note { return Note{Run: RunID(name), Number: n} })
	notes := map[RunID]Note{}
	for _, n := range list {
		if n.Text != "" {
			notes[n.Run] = n
		}
	}
	return notes, err
}

// Tags returns every name that a run has. One that cannot be read names none.
func (s *Store) Tags(ctx context.Context) (map[string]Tag, error) {
	list, err := latest(ctx, s, "tags/", func(name string, n int) Tag { return Tag{Name: name, Number: n} })
	tags := map[string]Tag{}
	for _, t := range list {
		if t.Run != "" {
			tags[t.Name] = t
		}
	}
	return tags, err
}

// RunNamed is the run that a text names, by a tag or by its own ID. What is no tag is taken
// for an ID: a schedule's runs have no number.
func (s *Store) RunNamed(ctx context.Context, name string) (RunID, error) {
	if _, n := SplitRun(RunID(name)); n > 0 {
		return RunID(name), nil
	}
	tags, err := s.Tags(ctx)
	if err != nil {
		return "", err
	}
	if t, ok := tags[name]; ok {
		return t.Run, nil
	}
	return RunID(name), nil
}

// latest reads the last record of each folder below a prefix.
func latest[R record](ctx context.Context, s *Store, prefix string, want func(name string, number int) R) ([]R, error) {
	last, err := s.lasts(ctx, prefix)
	if err != nil {
		return nil, err
	}
	var wanted []R
	for folder, n := range last {
		wanted = append(wanted, want(strings.TrimPrefix(folder, prefix), n))
	}
	list := make([]R, len(wanted))
	err = SideBySide(ctx, len(wanted), func(i int) (err error) {
		list[i], err = read(ctx, s, wanted[i])
		if errors.Is(err, ErrUnreadable) {
			var none R
			list[i], err = none, nil
		}
		return err
	})
	return list, err
}
