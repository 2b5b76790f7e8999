package trainer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
)

// The folders of a trainer, in its environment.
const (
	envExport     = "GYMLINE_EXPORT"
	envCheckpoint = "GYMLINE_CHECKPOINT"

	exportFolder = "export"
	madeFolder   = "checkpoint"
)

// folders tells a program where its folders are.
func folders(dir string) []string {
	return []string{envExport + "=" + filepath.Join(dir, exportFolder), envCheckpoint + "=" + filepath.Join(dir, madeFolder)}
}

// A Home is the folder in which one trainer works: the export that it reads, and
// the checkpoint that it leaves. What it does there cannot lead out of it.
type Home struct{ root *os.Root }

// Settle makes the folders of a Home in an empty one.
func Settle(dir string) (*Home, error) {
	root, err := os.OpenRoot(dir) // whatever the trainer puts in its place
	if err != nil {
		return nil, noRoom(err)
	}
	for _, name := range []string{exportFolder, madeFolder} {
		if err := root.Mkdir(name, 0o700); err != nil {
			return nil, errors.Join(noRoom(err), root.Close())
		}
	}
	return &Home{root}, nil
}

// Close forgets the folder, which stays.
func (h *Home) Close() error { return h.root.Close() }

// Fill has a program's export written.
func (h *Home) Fill(ctx context.Context, p job.Program) error {
	exports, err := h.root.OpenRoot(exportFolder) // a name cannot lead out of it
	if err != nil {
		return noRoom(err)
	}
	defer exports.Close()
	return p.Fill(ctx, func(name string) (io.WriteCloser, error) { return Create(exports, name) })
}

// Take has the checkpoint read that a program left.
func (h *Home) Take(ctx context.Context, p job.Program) error {
	made, err := leftIn(h.root)
	if err != nil {
		return fault.New(fault.Permanent, err, "leave the checkpoint in $"+envCheckpoint+", by its files and not by links")
	}
	defer made.Close()
	return p.Take(ctx, made.FS())
}

// leftIn opens the folder that the trainer left its checkpoint in. It may be made
// anew, but be no link: what that leads to is not the trainer's to hand over.
func leftIn(home *os.Root) (*os.Root, error) {
	named, err := home.Lstat(madeFolder)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the folder of the checkpoint is gone: %w", err)
	case named.Mode()&fs.ModeSymlink != 0:
		to, _ := home.Readlink(madeFolder) // told where it can be
		return nil, fmt.Errorf("the folder of the checkpoint is not taken: the trainer put a link to %q in its place", to)
	case !named.IsDir():
		return nil, errors.New("the folder of the checkpoint is not taken: the trainer put a file in its place")
	}
	made, err := home.OpenRoot(madeFolder)
	if err != nil {
		return nil, fmt.Errorf("the folder of the checkpoint cannot be opened: %w", err)
	}
	if opened, err := made.Stat("."); err != nil || !os.SameFile(named, opened) {
		return nil, errors.Join(errors.New("the folder of the checkpoint is not taken: it was replaced while it was opened"), err, made.Close())
	}
	return made, nil
}

func noRoom(err error) error {
	return fault.New(fault.Temporary, fmt.Errorf("a folder for the trainer: %w", err),
		"free space in the temporary directory, or point TMPDIR at a larger disk")
}

// Create makes a file of a folder, and the folders that lead to it, for their
// owner alone.
func Create(root *os.Root, name string) (*os.File, error) {
	if err := root.MkdirAll(filepath.FromSlash(path.Dir(name)), 0o700); err != nil {
		return nil, err
	}
	return root.OpenFile(filepath.FromSlash(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}
