// Package input takes an experiment's input folders into a store, and remembers the
// digests of files that do not change, so that the next run need not read them.
package input

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

// tellEvery is how often an event tells how far an input is.
const tellEvery = 200 * time.Millisecond

// Inputs are named folders.
type Inputs struct {
	Folders map[string]string // name → path
	// Memory is the folder where digests are remembered; "" remembers none.
	Memory string
	Now    func() time.Time
	Events progress.Sink // of how far it is; nil: nobody listens
	// LeftOut hears of hidden files and folders, which are left out; nil: nobody.
	LeftOut func(name, path string)
}

// Digest lists the inputs' files without storing them.
func (in Inputs) Digest(ctx context.Context) (map[string]*store.TreeFS, error) {
	trees := map[string]*store.TreeFS{}
	return trees, in.each(func(name string, fsys fs.FS, intake store.Intake) (err error) {
		trees[name], err = intake.Digest(ctx, fsys)
		return err
	})
}

// Put stores what the store lacks of the inputs; anew asks it for every file.
func (in Inputs) Put(ctx context.Context, st *store.Store, anew bool) (map[string]store.Tree, error) {
	trees := map[string]store.Tree{}
	return trees, in.each(func(name string, fsys fs.FS, intake store.Intake) (err error) {
		intake.Anew = anew
		trees[name], err = st.PutTree(ctx, fsys, intake)
		return err
	})
}

// each calls fn with every input, by name.
func (in Inputs) each(fn func(name string, fsys fs.FS, intake store.Intake) error) error {
	for _, name := range slices.Sorted(maps.Keys(in.Folders)) {
		folder := in.Folders[name]
		m := open(in.Memory, folder, in.Now())
		var intake store.Intake
		if m.file != "" {
			intake.Known = m
		}
		if in.Events != nil {
			intake.Told = in.teller(name)
		}
		if in.LeftOut != nil {
			intake.LeftOut = func(path string) { in.LeftOut(name, path) }
		}
		err := fn(name, os.DirFS(folder), intake)
		m.save(err == nil)
		if err != nil {
			return Error(name, folder, err)
		}
	}
	return nil
}

// Error makes an unreadable file of an input a matter of configuration; the
// store's errors say themselves what they are.
func Error(name, folder string, err error) error {
	err = fmt.Errorf("input %s: %w", name, err)
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return fault.New(fault.Config, err, "make every file under "+filepath.Clean(folder)+" readable")
	}
	return err
}

// teller returns what makes events of an intake's counts, which come from several
// goroutines and not in order.
func (in Inputs) teller(name string) func(storing bool, done, all int) {
	var (
		mu   sync.Mutex
		told = progress.Event{Type: progress.InputRead, Input: name, Done: -1}
		last time.Time
	)
	return func(storing bool, done, all int) {
		mu.Lock()
		defer mu.Unlock()
		if storing && told.Type == progress.InputRead {
			told.Type, told.Done, last = progress.InputStored, -1, time.Time{}
		}
		now := in.Now()
		if all == 0 || int64(done) <= told.Done || done < all && now.Sub(last) < tellEvery {
			return
		}
		told.Done, told.Total, last = int64(done), int64(all), now
		in.Events.Emit(told)
	}
}
