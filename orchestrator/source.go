package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/store"
)

// maxScript bounds a file that a trainer's command names and a run keeps.
const maxScript = 1 << 20

// sources are the files that a run is asked for with. The loader refuses one that holds
// what looks like a secret.
type sources struct {
	experiment, profile []byte // profile is nil of the default one
	files               map[string]store.SourceFile
	scripts             [][]byte // of files, those that are kept
}

// readSources reads the files that a local trainer's command names.
func readSources(e *experiment.Experiment, config, profile []byte) sources {
	s := sources{experiment: config, profile: profile}
	for _, t := range e.Spec.Train {
		for _, word := range t.Command {
			s.add(word)
		}
	}
	return s
}

// scriptEndings are those of files that are kept; what may be executed is kept, too. Of
// others, such as a file of the environment, the digest alone is.
var scriptEndings = []string{".py", ".sh", ".bash", ".yaml", ".yml", ".toml", ".jinja", ".jinja2", ".cfg", ".r", ".jl"}

// add keeps a word of a command if it is a text file that looks like a script. What is no
// file, or a program of the machine's, is none.
func (s *sources) add(path string) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxScript {
		return
	}
	data, err := os.ReadFile(filepath.Clean(path))
	if err != nil || bytes.IndexByte(data, 0) >= 0 {
		return
	}
	file := store.SourceFile{Digest: store.DigestOf(data), Bytes: int64(len(data)), Left: true}
	if info.Mode()&0o111 != 0 || slices.Contains(scriptEndings, strings.ToLower(filepath.Ext(path))) {
		file.Left = experiment.HoldsSecret(string(data))
	}
	if s.files == nil {
		s.files = map[string]store.SourceFile{}
	}
	s.files[path] = file
	if !file.Left {
		s.scripts = append(s.scripts, data)
	}
}

// source names the blobs that put stores.
func (s *sources) source() *store.Source {
	src := &store.Source{Experiment: store.DigestOf(s.experiment), Files: s.files}
	if s.profile != nil {
		src.Profile = store.DigestOf(s.profile)
	}
	return src
}

func (s *sources) put(ctx context.Context, st *store.Store, anew bool) error {
	blobs := append([][]byte{s.experiment}, s.scripts...)
	if s.profile != nil {
		blobs = append(blobs, s.profile)
	}
	return store.SideBySide(ctx, len(blobs), func(i int) error {
		if !anew {
			if there, err := st.HasBlob(ctx, store.DigestOf(blobs[i])); err != nil || there {
				return err
			}
		}
		_, err := st.PutBlob(ctx, blobs[i])
		return err
	})
}
