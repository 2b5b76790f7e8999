// Package journal keeps what the latest runs of this machine said, a file of JSON lines
// for each in a folder: their events, but for those that only tell how far a shard is, and
// what their jobs wrote to standard error. It is a help to who looks, and no part of a run:
// what cannot be kept changes nothing.
package journal

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

const (
	// Kept is how many runs have a journal; those before are deleted.
	Kept = 30
	// most bounds what jobs say in a journal, in bytes: one that says more repeats itself.
	// Events are not bounded: a shard has a few.
	most   = 16 << 20
	ending = ".jsonl"
)

// A Line is one thing that a run said.
type Line struct {
	At    string          `json:"at"`
	Event *progress.Event `json:"event,omitempty"`
	Text  string          `json:"text,omitempty"` // of a job's standard error
}

// A Journal takes what one run says. It is safe for concurrent use; a nil one keeps nothing.
type Journal struct {
	now  func() time.Time
	mu   sync.Mutex
	file *os.File
	left int  // of most
	full bool // and it was said
}

// Begin begins a run's journal in a folder, and deletes the oldest there. profile tells
// runs of one name in different stores apart.
func Begin(dir, profile string, id store.RunID, now func() time.Time) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path(dir, profile, id), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	prune(dir)
	return &Journal{now: now, file: file, left: most}, nil
}

func path(dir, profile string, id store.RunID) string {
	return filepath.Join(dir, filepath.Base(profile)+"."+filepath.Base(string(id))+ending)
}

// prune keeps the latest journals.
func prune(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	type old struct {
		name string
		at   time.Time
	}
	var list []old
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), ending) {
			list = append(list, old{e.Name(), info.ModTime()})
		}
	}
	slices.SortFunc(list, func(a, b old) int { return cmp.Or(b.at.Compare(a.at), strings.Compare(b.name, a.name)) })
	for _, o := range list[min(Kept, len(list)):] {
		_ = os.Remove(filepath.Join(dir, o.name))
	}
}

// Emit implements progress.Sink.
func (j *Journal) Emit(e progress.Event) {
	if e.Type != progress.Progress {
		j.add(Line{Event: &e})
	}
}

// Write implements io.Writer, for lines.
func (j *Journal) Write(p []byte) (int, error) {
	j.add(Line{Text: strings.TrimRight(string(p), "\n")})
	return len(p), nil
}

func (j *Journal) add(l Line) {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if l.Event == nil {
		if j.left -= len(l.Text); j.left < 0 {
			if j.full {
				return
			}
			j.full, l.Text = true, fmt.Sprintf("… jobs said more than %d MiB; the rest is left out", most>>20)
		}
	}
	l.At = store.Stamp(j.now())
	if data, err := json.Marshal(l); err == nil {
		_, _ = j.file.Write(append(data, '\n'))
	}
}

// Close ends the journal.
func (j *Journal) Close() {
	if j != nil {
		_ = j.file.Close()
	}
}

// Read calls fn with each line of a run's journal; where there is none, its error wraps
// fs.ErrNotExist. A last line that was cut off is left out.
func Read(dir, profile string, id store.RunID, fn func(Line) error) error {
	file, err := os.Open(path(dir, profile, id))
	if err != nil {
		return fmt.Errorf("journal of run %s: %w", id, err)
	}
	defer file.Close()
	for dec := json.NewDecoder(file); ; {
		var l Line
		if dec.Decode(&l) != nil {
			return nil
		}
		if err := fn(l); err != nil {
			return err
		}
	}
}
