package store

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// A Source names the blobs of the files that a run was asked for with. What looks like a
// secret is taken out of them, where that changes nothing that they say.
type Source struct {
	Experiment Digest `json:"experiment"`
	Profile    Digest `json:"profile,omitempty"` // "" of the default one
	// Files are others that the experiment names and no input holds, such as a trainer's
	// script, by the path as it is written there.
	Files map[string]SourceFile `json:"files,omitempty"`
}

// A SourceFile is a file that an experiment names.
type SourceFile struct {
	Digest Digest `json:"digest"` // of its bytes
	Bytes  int64  `json:"bytes"`
	// Left says that the blob is not stored, since something in it looks like a secret, or
	// it is no script.
	Left bool `json:"left,omitempty"`
}

// A Binary tells one gymline from others.
type Binary struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // the commit, where the build was told
	Modified bool   `json:"modified,omitempty"` // the checkout had changes
	Go       string `json:"go"`
	Platform string `json:"platform"`         // "linux/amd64"
	Digest   Digest `json:"digest,omitempty"` // sha256 of the executable, where it could be read
}

// An Act is what somebody did to a run, and when.
type Act struct {
	Format int      `json:"format"`
	Run    RunID    `json:"run"`
	Number int      `json:"number"` // from 1, without a gap
	Act    string   `json:"act"`
	By     string   `json:"by"`
	Reason string   `json:"reason,omitempty"`
	At     string   `json:"at"`             // RFC 3339, UTC
	Step   StepName `json:"step,omitempty"` // and shard, where it was of one
	Shard  *int     `json:"shard,omitempty"`
}

// What is done to a run. Others may come.
const (
	Stopped = "stopped"
	Resumed = "resumed"
	Retried = "retried" // another run goes on where it ended
	Put     = "put"     // a checkpoint
	Signed  = "signed"
	Stamped = "time-stamped" // a signature of it
)

func (a Act) key() (string, error) {
	return runKey(a.Run, "acts/"+strconv.Itoa(a.Number)+".json")
}

// AddAct writes a run's next act, once.
func (s *Store) AddAct(ctx context.Context, a Act) error {
	prefix, err := runKey(a.Run, "acts/")
	if err != nil {
		return err
	}
	a.Format = FormatVersion
	return s.next(ctx, prefix, func(number int) record { a.Number = number; return a })
}

// Acts returns what was done to a run, in its order.
func (s *Store) Acts(ctx context.Context, id RunID) ([]Act, error) {
	prefix, err := runKey(id, "acts/")
	if err != nil {
		return nil, err
	}
	var numbers []int
	for key, err := range s.bucket.List(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		if n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(key, prefix), ".json")); err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	acts := make([]Act, len(numbers))
	return acts, SideBySide(ctx, len(acts), func(i int) (err error) {
		acts[i], err = read(ctx, s, Act{Run: id, Number: numbers[i]})
		return err
	})
}
