package store

import (
	"context"
	"errors"
	"strings"
)

// A Pin keeps a run from being removed. The last record of a run holds.
type Pin struct {
	Format int    `json:"format"`
	Run    RunID  `json:"run"`
	Number int    `json:"number"` // from 1, without a gap
	Pinned bool   `json:"pinned"`
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
	At     string `json:"at"`
}

// A Tombstone is what is left of a run that was removed.
type Tombstone struct {
	Format     int    `json:"format"`
	Run        RunID  `json:"run"`
	Experiment string `json:"experiment"`
	By         string `json:"by"`
	Reason     string `json:"reason"`
	At         string `json:"at"`
	Seal       Digest `json:"seal,omitempty"`    // sha256 of its seal.json, where it had one
	Binding    Digest `json:"binding,omitempty"` // that the seal named
}

// A ScheduledDraft names a draft that a schedule may open runs from.
type ScheduledDraft struct {
	Format     int    `json:"format"`
	Draft      Digest `json:"draft"`
	Experiment string `json:"experiment"`
	By         string `json:"by,omitempty"`
	At         string `json:"at"`
}

func (p Pin) key() (string, error) { return numberedKey("pins/", "run", string(p.Run), p.Number) }

func (t Tombstone) key() (string, error) {
	return "removed/" + string(t.Run) + ".json", checkName("run", string(t.Run))
}

func (d ScheduledDraft) key() (string, error) {
	return "drafts/" + string(d.Draft) + ".json", checkName("draft", string(d.Draft))
}

// AddPin writes a run's next pin, once.
func (s *Store) AddPin(ctx context.Context, p Pin) error {
	p.Format = FormatVersion
	return s.next(ctx, "pins/"+string(p.Run)+"/", func(number int) record { p.Number = number; return p })
}

// Pins returns the pin of every run that has one. A pin that cannot be read pins.
func (s *Store) Pins(ctx context.Context) (map[RunID]Pin, error) {
	last, err := s.lasts(ctx, "pins/")
	pins := map[RunID]Pin{}
	for folder, n := range last {
		want := Pin{Run: RunID(strings.TrimPrefix(folder, "pins/")), Number: n}
		p, err := read(ctx, s, want)
		if errors.Is(err, ErrUnreadable) {
			p, err = want, nil
			p.Pinned = true
		}
		if err != nil {
			return nil, err
		}
		if p.Pinned {
			pins[p.Run] = p
		}
	}
	return pins, err
}

// PutTombstone records that a run is removed, once.
func (s *Store) PutTombstone(ctx context.Context, t Tombstone) error {
	t.Format = FormatVersion
	return s.create(ctx, t)
}

// ReadTombstone returns what is left of a run that was removed, or ErrNotFound.
func (s *Store) ReadTombstone(ctx context.Context, id RunID) (Tombstone, error) {
	return read(ctx, s, Tombstone{Run: id})
}

// ScheduleDraft names a draft that a schedule may open runs from, so that it stays.
func (s *Store) ScheduleDraft(ctx context.Context, d ScheduledDraft) error {
	d.Format = FormatVersion
	if err := s.create(ctx, d); !errors.Is(err, ErrExists) {
		return err
	}
	return nil
}
