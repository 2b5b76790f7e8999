package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A Withdrawal says that a file of an input, or a line of one, may be used no more. It is
// written once, and holds for ever.
type Withdrawal struct {
	Format int    `json:"format"`
	Number int    `json:"number"` // from 1, without a gap
	Source string `json:"source"` // INPUT/PATH or INPUT/PATH#LINE, as it was found
	// Files are the digests of the files that hold it, and Line is the sha256 of the line
	// without the space around it, where it is one.
	Files  []Digest `json:"files"`
	Line   Digest   `json:"line,omitempty"`
	By     string   `json:"by,omitempty"`
	Reason string   `json:"reason"`
	At     string   `json:"at"`
	// Runs have read it, and Work is what read it, or read what came of it.
	Runs []RunID   `json:"runs,omitempty"`
	Work []WorkKey `json:"work,omitempty"`
	// Affected is the blob that lists all that came of it.
	Affected Digest `json:"affected"`
	// Signed is the blob of its statement in an envelope, where it was signed.
	Signed Digest `json:"signed,omitempty"`
}

// File is the source without its line.
func (w *Withdrawal) File() string {
	file, _, _ := strings.Cut(w.Source, "#")
	return file
}

const withdrawnPrefix = "withdrawn/"

func (w Withdrawal) key() (string, error) {
	if w.Number < 1 {
		return "", fmt.Errorf("store: there is no withdrawal %d", w.Number)
	}
	return withdrawnPrefix + strconv.Itoa(w.Number) + ".json", nil
}

// AddWithdrawal writes the next one, once, and returns its number.
func (s *Store) AddWithdrawal(ctx context.Context, w Withdrawal) (number int, err error) {
	w.Format = FormatVersion
	err = s.next(ctx, withdrawnPrefix, func(n int) record { number, w.Number = n, n; return w })
	s.withdrawn.forget()
	return number, err
}

// withdrawals are what was read of them.
type withdrawals struct {
	mu    sync.Mutex
	known bool
	list  []Withdrawal
	work  map[WorkKey]int
}

func (w *withdrawals) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known = false
}

// Withdrawals returns all of them, in order. They are read once.
func (s *Store) Withdrawals(ctx context.Context) ([]Withdrawal, error) {
	w := &s.withdrawn
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.known {
		return w.list, nil
	}
	var numbers []int
	for key, err := range s.bucket.List(ctx, withdrawnPrefix) {
		if err != nil {
			return nil, err
		}
		if n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(key, withdrawnPrefix), ".json")); err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	list := make([]Withdrawal, len(numbers))
	err := SideBySide(ctx, len(numbers), func(i int) (err error) {
		list[i], err = read(ctx, s, Withdrawal{Number: numbers[i]})
		return err
	})
	if err != nil {
		return nil, err
	}
	w.known, w.list, w.work = true, list, map[WorkKey]int{}
	for _, x := range list {
		for _, key := range x.Work {
			w.work[key] = x.Number
		}
	}
	return list, nil
}

// WithdrawnWork is the number of the withdrawal that a piece of work fell to, 0 where none.
func (s *Store) WithdrawnWork(ctx context.Context, key WorkKey) (int, error) {
	if _, err := s.Withdrawals(ctx); err != nil {
		return 0, err
	}
	s.withdrawn.mu.Lock()
	defer s.withdrawn.mu.Unlock()
	return s.withdrawn.work[key], nil
}
