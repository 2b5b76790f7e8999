package finetuneexport

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/store"
)

// files are the outputs in order of creation, each digested as it is written.
type files struct {
	task *job.Task
	list []*file
	data map[string]*file // data files by path
}

// A file is an output and what the manifest says of it.
type file struct {
	info FileInfo
	out  *job.Output
	sum  hash.Hash
}

func (l *files) create(path, mediaType string) *file {
	f := &file{info: FileInfo{Path: path}, out: l.task.Create(path, mediaType), sum: sha256.New()}
	l.list = append(l.list, f)
	return f
}

// rowsFile returns the data file of that path. It is created with its first
// row, since trainers refuse an empty one; describe then says what it is.
func (l *files) rowsFile(path string, describe func(*FileInfo)) *file {
	f, ok := l.data[path]
	if !ok {
		f = l.create(path, job.JSONL)
		describe(&f.info)
		l.data[path] = f
	}
	return f
}

// Write implements io.Writer.
func (f *file) Write(p []byte) (int, error) {
	f.sum.Write(p)
	f.info.Bytes += int64(len(p))
	return f.out.Write(p)
}

// row writes v as one JSON line.
func (f *file) row(v any) error {
	enc := json.NewEncoder(f)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("output %s: %w", f.info.Path, err)
	}
	f.info.Rows++
	f.out.SetRows(int64(f.info.Rows))
	return nil
}

// infos describes the files written so far.
func (l *files) infos() []FileInfo {
	infos := make([]FileInfo, len(l.list))
	for i, f := range l.list {
		infos[i] = f.info
		infos[i].Digest = store.Digest(hex.EncodeToString(f.sum.Sum(nil)))
	}
	return infos
}
