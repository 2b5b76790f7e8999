package input

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gymline/gymline/internal/store"
)

const (
	// racy is how old a file's last change must be when it is read for its digest to
	// be remembered: a later change might bear the same time, where clocks are coarse.
	racy = 2 * time.Second
	// forgotten is the age, since its last use, of a memory that is removed.
	forgotten = 60 * 24 * time.Hour
	// memoryFormat is raised when what is written changes: others are as absent.
	memoryFormat = 1
)

// A memory has the digests of a folder's files as they were read. It is a help: one
// that is absent, damaged or of another format knows nothing, and one that cannot
// be written is left.
type memory struct {
	file   string // "" where nothing is remembered
	opened time.Time
	was    remembered // by an earlier run

	mu      sync.Mutex
	now     remembered // what was seen in this one
	differs bool       // from what was
}

// A remembered is a memory's file: after a line with the sha256 of it, as JSON.
type remembered struct {
	Format int                 `json:"format"`
	Folder string              `json:"folder"` // its absolute path
	Stored store.Digest        `json:"stored,omitempty"`
	Files  map[string]keptFile `json:"files"` // by path in it
}

// A keptFile is a digest and the state of the file that it is of.
type keptFile struct {
	Digest store.Digest `json:"digest"`
	state
}

// A state is what changes when a file does: its content, and be it by a tool that
// sets the time back, or puts another file in its place.
type state struct {
	Bytes    int64  `json:"bytes"`
	Modified int64  `json:"mtime"` // ns since 1970
	Changed  int64  `json:"ctime"` // ns since 1970; no program can set it
	Inode    uint64 `json:"inode"`
}

// open reads the memory of a folder. dir is where memories lie.
func open(dir, folder string, now time.Time) *memory {
	m := &memory{opened: now}
	absolute, err := filepath.Abs(folder)
	if err != nil || dir == "" {
		return m
	}
	name := sha256.Sum256([]byte(absolute))
	m.file = filepath.Join(dir, hex.EncodeToString(name[:16])+".json")
	m.now = remembered{Format: memoryFormat, Folder: absolute, Files: map[string]keptFile{}}
	m.was.Files = map[string]keptFile{}
	data, err := os.ReadFile(m.file)
	if err != nil {
		return m
	}
	sum, body, _ := bytes.Cut(data, []byte("\n"))
	var was remembered
	if string(sum) != string(store.DigestOf(body)) || json.Unmarshal(body, &was) != nil || was.Format != memoryFormat || was.Folder != absolute {
		return m
	}
	m.was, m.now.Stored = was, was.Stored
	return m
}

// Digest implements store.Known.
func (m *memory) Digest(path string, info fs.FileInfo) (store.Digest, bool) {
	kept, ok := m.was.Files[path]
	if now, known := stateOf(info); !ok || !known || kept.state != now || !kept.Digest.Valid() {
		return "", false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now.Files[path] = kept
	return kept.Digest, true
}

// Keep implements store.Known.
func (m *memory) Keep(path string, before, after fs.FileInfo, d store.Digest) {
	if m.file == "" {
		return
	}
	b, known := stateOf(before)
	a, _ := stateOf(after)
	if !known || a != b || max(b.Modified, b.Changed) > m.opened.Add(-racy).UnixNano() {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now.Files[path], m.differs = keptFile{d, b}, true
}

// Stored implements store.Known.
func (m *memory) Stored() store.Digest { return m.now.Stored }

// KeepStored implements store.Known.
func (m *memory) KeepStored(d store.Digest) {
	m.differs = m.differs || d != m.now.Stored
	m.now.Stored = d
}

// save writes the memory, whole or not at all, and removes those that nobody used
// for long. Where not all of the folder was seen, the rest stays remembered.
func (m *memory) save(all bool) {
	if m.file == "" {
		return
	}
	if !all {
		seen := m.now.Files
		m.now.Files = maps.Clone(m.was.Files)
		maps.Copy(m.now.Files, seen)
	}
	if !m.differs && len(m.now.Files) == len(m.was.Files) {
		_ = os.Chtimes(m.file, m.opened, m.opened) // it was of use
		return
	}
	body, err := json.Marshal(m.now)
	if err != nil {
		return
	}
	dir := filepath.Dir(m.file)
	if os.MkdirAll(dir, 0o700) != nil {
		return
	}
	f, err := os.CreateTemp(dir, "new-*") // readable by its owner alone
	if err != nil {
		return
	}
	_, err = f.Write(append([]byte(store.DigestOf(body)+"\n"), body...))
	if closeErr := f.Close(); err != nil || closeErr != nil || os.Rename(f.Name(), m.file) != nil {
		os.Remove(f.Name())
		return
	}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && m.opened.Sub(info.ModTime()) > forgotten {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
