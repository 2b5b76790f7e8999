// Package child supervises a child process: it passes on what the child says,
// line by line, asks it to leave when its work is no longer wanted, kills it when
// it does not leave, and tells how it ended.
package child

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Command is one child. It runs in a process group of its own, so that a
// terminal's Ctrl-C reaches it only through its parent; on Linux the kernel ends
// it when its parent dies without a word.
type Command struct {
	Path string   // the program; without a slash it is looked for in PATH
	Args []string // its name and arguments
	Env  []string // all of its environment
	// Stdin is what the child may read there; nil: nothing.
	Stdin []byte
	// Stdout and Stderr take the child's lines with their ends, one call at a time.
	// A line above 1 MiB comes in parts, one that redraws itself in its versions.
	Stdout, Stderr func(line []byte)
	// Grace is how long the child may take to leave after SIGTERM before it is
	// killed, and how long its streams stay open after its end.
	Grace time.Duration
	// Group asks the whole process group to leave, and leaves none of it behind.
	Group bool
}

// An End is how a child ended.
type End struct {
	Code   int    // its exit code; 0 when a signal ended it
	Signal string // that ended it, such as "SIGKILL", or ""
	Last   string // line on stderr that says something, or ""
	crash  string // first line on stderr of one
}

// OK reports whether the child succeeded.
func (e End) OK() bool { return e.Code == 0 && e.Signal == "" }

// Words are what the child said of its end: how a crash begins, or its last line.
func (e End) Words() string { return cmp.Or(e.crash, e.Last, "it said nothing") }

// Run runs a child until it ends, be it on its own or because ctx did. An error
// means that it did not start.
func Run(ctx context.Context, c Command) (End, error) {
	// A child is told of its parent's death by the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	cmd := exec.CommandContext(ctx, c.Path)
	cmd.Args, cmd.Env = c.Args, c.Env
	cmd.SysProcAttr = processAttributes()
	cmd.WaitDelay = c.Grace
	cmd.Cancel = func() error {
		if c.Group {
			return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		}
		return cmd.Process.Signal(syscall.SIGTERM)
	}
	var end End
	var one sync.Mutex // holds back one stream while the other is told of
	stdout := &lines{one: &one, tell: c.Stdout}
	stderr := &lines{one: &one, tell: func(line []byte) { end.heard(line); c.Stderr(line) }}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if c.Stdin != nil {
		cmd.Stdin = bytes.NewReader(c.Stdin)
	}
	if err := cmd.Start(); err != nil {
		return end, err
	}
	waitErr := cmd.Wait()
	if c.Group {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what the child left running
	}
	stdout.flush()
	stderr.flush()
	if cmd.ProcessState == nil {
		return end, errors.Join(errors.New("its end was not seen"), waitErr)
	}
	// Wait would report ctx's end, or a stream that was left open, in place of
	// what the child did.
	end.Code = max(cmd.ProcessState.ExitCode(), 0)
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		end.Signal = unix.SignalName(ws.Signal())
	}
	return end, nil
}

// heard remembers what a dying child says.
func (e *End) heard(line []byte) {
	s := strings.TrimSpace(string(line))
	if s == "" {
		return
	}
	e.Last = s
	if e.crash == "" && (strings.HasPrefix(s, "panic:") || strings.HasPrefix(s, "fatal error:") || strings.HasPrefix(s, "SIG")) {
		e.crash = s
	}
}
