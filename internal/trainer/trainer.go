// Package trainer runs the experiment's own trainer as a child process: a program
// of this machine, between a folder that it reads and one that it leaves.
package trainer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gymline/gymline/internal/child"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/text"
)

// grace is how long a trainer may take to leave after SIGTERM: less than an
// engine gives to the job.
const grace = 6 * time.Second

// The folders of a trainer, in its environment.
const (
	envExport     = "GYMLINE_EXPORT"
	envCheckpoint = "GYMLINE_CHECKPOINT"

	exportFolder = "export"
	madeFolder   = "checkpoint"
)

// A Runner runs trainers. It implements job.Runner.
type Runner struct {
	Environ []string      // the job's environment
	Secret  []string      // variables of it that the trainer does not get
	Log     io.Writer     // receives what the trainer says, line by line
	Grace   time.Duration // after SIGTERM; 0: 6 s
}

// Run implements job.Runner.
func (r *Runner) Run(ctx context.Context, p job.Program) (err error) {
	if len(p.Args) == 0 {
		return fault.New(fault.Config, errors.New("the trainer has no command"), "name a program under train")
	}
	dir, err := os.MkdirTemp("", "gymline-train-*")
	if err != nil {
		return noRoom(err)
	}
	defer func() {
		if removeErr := os.RemoveAll(dir); err == nil && removeErr != nil {
			err = fmt.Errorf("remove the trainer's folder: %w", removeErr)
		}
	}()
	home, err := os.OpenRoot(dir) // whatever the trainer puts in its place
	if err != nil {
		return noRoom(err)
	}
	defer home.Close()
	for _, name := range []string{exportFolder, madeFolder} {
		if err := home.Mkdir(name, 0o700); err != nil {
			return noRoom(err)
		}
	}
	exports, err := home.OpenRoot(exportFolder) // a name cannot lead out of it
	if err != nil {
		return noRoom(err)
	}
	defer exports.Close()
	if err := p.Fill(ctx, func(name string) (io.WriteCloser, error) { return Create(exports, name) }); err != nil {
		return err
	}
	env := append(r.env(dir), p.Env...)
	if err := r.child(ctx, p.Args, append(env, envExport+"="+filepath.Join(dir, exportFolder), envCheckpoint+"="+filepath.Join(dir, madeFolder))); err != nil {
		return err
	}
	made, err := leftIn(home)
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

// env is the environment of the job, without what opens the store and the models.
func (r *Runner) env(home string) []string {
	var vars []string
	hasHome := false
	for _, v := range r.Environ {
		name, value, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "GYMLINE_STORE_") || slices.Contains(r.Secret, name) {
			continue
		}
		if name == "HOME" {
			if value == "" {
				continue
			}
			hasHome = true
		}
		vars = append(vars, v)
	}
	if !hasHome {
		vars = append(vars, "HOME="+home)
	}
	return vars
}

// child runs a program until its whole process group is gone.
func (r *Runner) child(ctx context.Context, args, env []string) error {
	say := func(line []byte) { _, _ = io.WriteString(r.Log, text.Safe(string(text.WithoutColours(line)))) } // a log that is gone is no reason to stop training
	end, err := child.Run(ctx, child.Command{
		Path: args[0], Args: args, Env: env, Stdout: say, Stderr: say, Grace: cmp.Or(r.Grace, grace), Group: true,
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fault.New(fault.Config, fmt.Errorf("start the trainer: %w", err), "correct the command under train; it is looked for in PATH")
	case end.OK():
		return nil
	}
	return &job.Exit{Code: end.Code, Signal: end.Signal, Last: text.Safe(string(text.WithoutColours([]byte(end.Last))))}
}
