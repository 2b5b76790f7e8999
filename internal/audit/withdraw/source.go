package withdraw

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/audit/lineage"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// A source is what is withdrawn.
type source struct {
	name    string
	digests []store.Digest // of all files that are it, or hold the line
	line    store.Digest   // of the line, "" of whole files
	base    string         // the name of files that are searched for the line
	lines   map[store.Digest]int
}

// A place is where a run's inputs hold it.
type place struct {
	file plan.File
	line int // 0: all of it
}

func (p place) String() string {
	if p.line == 0 {
		return p.file.String()
	}
	return p.file.String() + "#" + strconv.Itoa(p.line)
}

// locate finds what a name means: INPUT/PATH in any run, with #LINE as the latest of them
// has it, or the sha256 of a file.
func locate(ctx context.Context, st *store.Store, ids []store.RunID, name string) (*source, error) {
	s := &source{name: name, lines: map[store.Digest]int{}}
	if store.Digest(name).Valid() {
		s.digests = []store.Digest{store.Digest(name)}
	}
	file, at, isLine := strings.Cut(name, "#")
	number, err := strconv.Atoi(at)
	if isLine && (err != nil || number < 1) {
		return nil, fault.New(fault.Usage, fmt.Errorf("%q: a line is a number from 1", name), "")
	}
	var last store.Digest
	found := false
	for _, id := range ids {
		v, err := view(ctx, st, id)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		err = v.Files(ctx, func(f plan.File, d store.Digest) error {
			switch {
			case slices.Contains(s.digests, d) && s.name == string(d):
				found = true
			case f.String() == file && !isLine:
				found = true
				if !slices.Contains(s.digests, d) {
					s.digests = append(s.digests, d)
				}
			case f.String() == file:
				found, last = true, d
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if !found {
		return nil, fault.New(fault.Usage, fmt.Errorf("no run of this store has read %q", name),
			"name a file of an input, INPUT/PATH, a line of one, INPUT/PATH#LINE, or a file's sha256; 'gymline lineage RUN ROW --up' says where a row comes from")
	}
	if !isLine {
		return s, nil
	}
	data, err := st.ReadBlob(ctx, last)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	all := bytes.Split(data, []byte("\n"))
	if number > len(all) || len(bytes.TrimSpace(all[number-1])) == 0 {
		return nil, fault.New(fault.Usage, fmt.Errorf("%s has no line %d, or it is empty", file, number), "")
	}
	s.line, s.base = store.DigestOf(bytes.TrimSpace(all[number-1])), path.Base(file)
	return s, nil
}

// in finds where a run's inputs hold the source, and notes the files that do.
func (s *source) in(ctx context.Context, st *store.Store, v *lineage.View) (held []place, err error) {
	return held, v.Files(ctx, func(f plan.File, d store.Digest) error {
		if s.line == "" {
			if slices.Contains(s.digests, d) {
				held = append(held, place{f, 0})
			}
			return nil
		}
		if path.Base(f.Path) != s.base {
			return nil
		}
		line, known := s.lines[d]
		if !known {
			data, err := st.ReadBlob(ctx, d)
			if err != nil {
				return fmt.Errorf("%s: %w", f, err)
			}
			line = run.LineOf(data, s.line)
			s.lines[d] = line
			if line > 0 {
				s.digests = append(s.digests, d)
			}
		}
		if line > 0 {
			held = append(held, place{f, line})
		}
		return nil
	})
}
