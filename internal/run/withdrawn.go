package run

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
)

// mostSearched bounds the files that are searched for a withdrawn line, in bytes.
const mostSearched = 64 << 20

// CheckWithdrawn refuses inputs that hold what was withdrawn. It costs a list of the
// store where nothing was. A line is looked for in files of the name that it was in,
// where the store has them.
func CheckWithdrawn(ctx context.Context, st *store.Store, open func(ctx context.Context) (map[string]*store.TreeFS, error)) error {
	list, err := st.Withdrawals(ctx)
	if err != nil || len(list) == 0 {
		return err
	}
	trees, err := open(ctx)
	if err != nil {
		return err
	}
	var held []error
	for i := range list {
		w := &list[i]
		for _, name := range slices.Sorted(maps.Keys(trees)) {
			for _, f := range trees[name].Files(".") {
				line, err := holds(ctx, st, w, f)
				if err != nil {
					return err
				}
				if line >= 0 {
					held = append(held, told(w, name, f.Path, line))
				}
			}
		}
	}
	return fault.New(fault.Config, errors.Join(held...), "take it out of the input's folder, or give another with --input; docs/audit.md has more")
}

func told(w *store.Withdrawal, input, file string, line int) error {
	at := file
	if line > 0 {
		at = fmt.Sprintf("%s:%d", file, line)
	}
	by := ""
	if w.By != "" {
		by = " by " + w.By
	}
	return fmt.Errorf("input %s: %s was withdrawn%s (withdrawal %d: %s)", input, at, by, w.Number, w.Reason)
}

// holds is the line of a file that was withdrawn, 0 where the whole file was, and -1 where
// nothing of it was.
func holds(ctx context.Context, st *store.Store, w *store.Withdrawal, f store.TreeFile) (int, error) {
	known := slices.Contains(w.Files, f.Digest)
	switch {
	case w.Line == "" && known:
		return 0, nil
	case w.Line == "" || !known && path.Base(f.Path) != path.Base(w.File()) || f.Bytes > mostSearched:
		return -1, nil
	}
	data, err := st.ReadBlob(ctx, f.Digest)
	if errors.Is(err, store.ErrNotFound) { // it is not stored yet
		if known {
			return 0, nil
		}
		return -1, nil
	}
	if err != nil {
		return -1, err
	}
	if line := LineOf(data, w.Line); line > 0 {
		return line, nil
	}
	return -1, nil
}

// LineOf finds the line of that digest, without the space around it; 0: there is none.
func LineOf(data []byte, digest store.Digest) int {
	sc := bufio.NewScanner(bytes.NewReader(data))
	sc.Buffer(nil, mostSearched)
	for n := 1; sc.Scan(); n++ {
		if store.DigestOf(bytes.TrimSpace(sc.Bytes())) == digest {
			return n
		}
	}
	return 0
}

// checkDraft refuses a draft whose inputs hold what was withdrawn.
func (r Registry) checkDraft(ctx context.Context, d Draft) error {
	return CheckWithdrawn(ctx, r.Store, func(ctx context.Context) (map[string]*store.TreeFS, error) {
		trees := map[string]*store.TreeFS{}
		for name, tree := range d.record.Inputs {
			var err error
			if trees[name], err = r.OpenTree(ctx, tree.Digest); err != nil {
				return nil, fmt.Errorf("input %s: %w", name, err)
			}
		}
		return trees, nil
	})
}
