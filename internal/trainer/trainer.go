// Package trainer runs the experiment's own trainer as a child process: a program
// of this machine, between a folder that it reads and one that it leaves.
package trainer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gymline/gymline/internal/child"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/text"
)

// Grace is how long a trainer may take to leave after SIGTERM: less than an
// engine gives to the job.
const Grace = 6 * time.Second

// A Runner runs trainers. It implements job.Runner.
type Runner struct {
	Environ []string      // the job's environment
	Secret  []string      // variables of it that the trainer does not get
	Log     io.Writer     // receives what the trainer says, line by line
	Grace   time.Duration // after SIGTERM; 0: 6 s
}

// Run implements job.Runner.
func (r *Runner) Run(ctx context.Context, p job.Program) (err error) {
	if p.Apart {
		return fault.New(fault.Config, errors.New("this trainer wants a container of its own, and there is none beside the job"),
			"submit it again with this gymline, which gives it one; on one machine use command")
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
	home, err := Settle(dir)
	if err != nil {
		return err
	}
	defer home.Close()
	if err := home.Fill(ctx, p); err != nil {
		return err
	}
	if err := r.Start(ctx, dir, p.Args, p.Env); err != nil {
		return err
	}
	return home.Take(ctx, p)
}

// env is the environment of the job, without what opens the store and the models,
// and what Argo tells its own programs.
func (r *Runner) env(home string) []string {
	var vars []string
	hasHome := false
	for _, v := range r.Environ {
		name, value, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "GYMLINE_STORE_") || strings.HasPrefix(name, "ARGO_") || slices.Contains(r.Secret, name) {
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

// Start runs a program in the folder of a Home until its whole process group is
// gone. One that ended badly is a *job.Exit.
func (r *Runner) Start(ctx context.Context, dir string, args, env []string) error {
	if len(args) == 0 {
		return fault.New(fault.Config, errors.New("the trainer has no command"), "name a program under train")
	}
	say := func(line []byte) { _, _ = io.WriteString(r.Log, text.Safe(string(text.WithoutColours(line)))) } // a log that is gone is no reason to stop training
	end, err := child.Run(ctx, child.Command{
		Path: args[0], Args: args, Env: slices.Concat(r.env(dir), env, folders(dir)),
		Stdout: say, Stderr: say, Grace: cmp.Or(r.Grace, Grace), Group: true,
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
