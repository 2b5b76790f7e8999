package finetuneexport

import (
	"bytes"
	"fmt"

	"github.com/gymline/gymline/internal/dataset"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/store"
)

// files are the outputs in order of creation.
type files struct {
	task *job.Task
	list []*file
	// data are the files of a set's split, one for each target. They are created
	// with their first row, since trainers refuse an empty one.
	data map[[2]string][]*file
	rows [][]byte // the row at hand, by target
}

// A file is an output and what the manifest says of it.
type file struct {
	info    dataset.File
	systems systems
	out     *job.Output
	// like is the earlier target whose rows have been the same so far, so that they
	// are written once; -1 for none.
	like int
}

func (l *files) create(path, mediaType string) *file {
	return l.add(&file{info: dataset.File{Path: path}, out: l.task.Create(path, mediaType), like: -1})
}

func (l *files) add(f *file) *file {
	l.list = append(l.list, f)
	return f
}

// Write implements io.Writer.
func (f *file) Write(p []byte) (int, error) { return f.out.Write(p) }

func (f *file) row(v any) error {
	f.info.Rows++
	return f.out.Row(v)
}

// write adds a row to the set's file of every target.
func (l *files) write(targets []target, set, split string, messages []*message) error {
	if l.rows == nil {
		l.rows = make([][]byte, len(targets))
	}
	for i, to := range targets {
		l.rows[i] = append(to.trainer.row(l.rows[i][:0], to.family, messages), '\n')
	}
	list, ok := l.data[[2]string{set, split}]
	if !ok {
		list = l.begin(targets, set, split)
		l.data[[2]string{set, split}] = list
	}
	for i, f := range list { // before the row is in the other one
		if f.like >= 0 && !bytes.Equal(l.rows[i], l.rows[f.like]) {
			if err := f.out.Part(); err != nil {
				return err
			}
			f.like = -1
		}
	}
	for i, f := range list {
		to := targets[i]
		f.systems.count(messages[0].Content, func(text string) string { return to.trainer.system(to.family, text) })
		f.info.Rows++
		f.out.SetRows(int64(f.info.Rows))
		if f.like >= 0 {
			continue
		}
		if _, err := f.Write(l.rows[i]); err != nil {
			return err
		}
	}
	return nil
}

// begin creates the files of a set's split for the first row.
func (l *files) begin(targets []target, set, split string) []*file {
	list := make([]*file, len(targets))
	for i, to := range targets {
		f := &file{like: -1, info: dataset.File{
			Path: to.dataPath(set, split), Trainer: to.trainer.name, Family: to.family.name, Set: set, Split: split,
			Template: to.trainer.template(to.family),
		}}
		for j, earlier := range list[:i] {
			if earlier.like < 0 && bytes.Equal(l.rows[i], l.rows[j]) {
				f.like, f.out = j, l.task.Twin(f.info.Path, job.JSONL, earlier.out)
				break
			}
		}
		if f.like < 0 {
			f.out = l.task.Create(f.info.Path, job.JSONL)
		}
		list[i] = l.add(f)
	}
	return list
}

// digest ends the writing of a file and returns the digest of its bytes.
func (l *files) digest(path string) (store.Digest, error) {
	for _, f := range l.list {
		if f.info.Path == path {
			digest, _, err := f.out.Sum()
			return digest, err
		}
	}
	return "", fmt.Errorf("output %s: it was not written", path)
}

// infos describes the files written so far, and ends the writing of them.
func (l *files) infos() ([]dataset.File, error) {
	infos := make([]dataset.File, len(l.list))
	for i, f := range l.list {
		infos[i] = f.info
		infos[i].Systems = f.systems.list
		var err error
		if infos[i].Digest, infos[i].Bytes, err = f.out.Sum(); err != nil {
			return nil, err
		}
	}
	return infos, nil
}
