package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
)

// trainerGrace is how long a trainer may take to leave after SIGTERM: less than
// an engine gives to the job.
const trainerGrace = 6 * time.Second

// The folders of a trainer, in its environment.
const (
	envExport     = "GYMLINE_EXPORT"
	envCheckpoint = "GYMLINE_CHECKPOINT"
)

// A trainerRunner runs the experiment's own trainer as a child process. It
// implements job.Runner.
type trainerRunner struct {
	environ []string
	secret  []string  // variables that the child does not get
	log     io.Writer // receives what the child says, line by line
	grace   time.Duration
}

func newTrainer(edge *cli.Edge, how Execution) *trainerRunner {
	r := &trainerRunner{log: edge.Stderr, grace: trainerGrace}
	if edge.Environ != nil {
		r.environ = edge.Environ()
	}
	for _, access := range how.Models {
		if access.KeyEnv != "" {
			r.secret = append(r.secret, access.KeyEnv)
		}
	}
	return r
}

// Run implements job.Runner.
func (r *trainerRunner) Run(ctx context.Context, p job.Program) (err error) {
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
	export, made := filepath.Join(dir, "export"), filepath.Join(dir, "checkpoint")
	for _, folder := range []string{export, made} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			return noRoom(err)
		}
	}
	if err := fillFolder(ctx, export, p.Fill); err != nil {
		return err
	}
	env := append(r.env(dir), p.Env...)
	if err := r.child(ctx, p.Args, append(env, envExport+"="+export, envCheckpoint+"="+made)); err != nil {
		return err
	}
	root, err := os.OpenRoot(made) // a link cannot lead out of it
	if err != nil {
		return fault.New(fault.Permanent, fmt.Errorf("the folder of the checkpoint is gone: %w", err), "leave the checkpoint in $"+envCheckpoint)
	}
	defer root.Close()
	return p.Take(ctx, root.FS())
}

func noRoom(err error) error {
	return fault.New(fault.Temporary, fmt.Errorf("a folder for the trainer: %w", err),
		"free space in the temporary directory, or point TMPDIR at a larger disk")
}

// fillFolder has fill create files below dir, and nowhere else.
func fillFolder(ctx context.Context, dir string, fill func(context.Context, func(string) (io.WriteCloser, error)) error) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return fill(ctx, func(name string) (io.WriteCloser, error) {
		return createIn(root, name)
	})
}

// env is the environment of the job, without what opens the store and the models.
func (r *trainerRunner) env(home string) []string {
	var vars []string
	hasHome := false
	for _, v := range r.environ {
		name, value, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "GYMLINE_STORE_") || slices.Contains(r.secret, name) {
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

// child runs a program in a process group of its own until the whole group is gone.
func (r *trainerRunner) child(ctx context.Context, args, env []string) error {
	// A child is told of its parent's death by the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = env
	cmd.SysProcAttr = trainerAttributes()
	var mu sync.Mutex // both streams go to one log
	stdout, stderr := &lineLog{mu: &mu, next: r.log}, &lineLog{mu: &mu, next: r.log}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = r.grace
	if err := cmd.Start(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fault.New(fault.Config, fmt.Errorf("start the trainer: %w", err), "correct the command under train; it is looked for in PATH")
	}
	err := cmd.Wait()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what the child left running
	stdout.flush()
	stderr.flush()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if cmd.ProcessState == nil {
		return fmt.Errorf("wait for the trainer: %w", err)
	}
	if cmd.ProcessState.Success() { // whatever Wait says of streams that were left open
		return nil
	}
	exit := &job.Exit{Code: max(cmd.ProcessState.ExitCode(), 0), Last: stderr.last}
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		exit.Signal = unix.SignalName(ws.Signal())
	}
	return exit
}

// maxLogLine bounds what a lineLog holds of one line, in bytes.
const maxLogLine = 64 << 10

// A lineLog passes whole lines on, each in one write, and remembers the last.
// A bar that redraws itself ends its lines with a carriage return.
type lineLog struct {
	mu   *sync.Mutex // held over a write to next
	next io.Writer
	part []byte
	last string
}

func (l *lineLog) Write(p []byte) (int, error) {
	l.part = append(l.part, p...)
	for {
		i := bytes.IndexAny(l.part, "\r\n")
		if i < 0 && len(l.part) < maxLogLine {
			return len(p), nil
		}
		if i < 0 {
			i = len(l.part) - 1
			l.pass(l.part)
		} else {
			l.pass(l.part[:i])
		}
		l.part = l.part[i+1:]
	}
}

func (l *lineLog) pass(line []byte) {
	text := strings.TrimRight(string(line), " \t")
	if text == "" {
		return
	}
	l.last = strings.TrimSpace(text)
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = io.WriteString(l.next, text+"\n") // a log that is gone is no reason to stop training
}

func (l *lineLog) flush() {
	l.pass(l.part)
	l.part = nil
}
