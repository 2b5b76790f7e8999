package local

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/progress"
)

// child runs one process to its end and passes its events on. When ctx ends the
// child gets SIGTERM, and SIGKILL after the grace.
func (cfg Config) child(ctx context.Context, args []string, sink progress.Sink) error {
	// A child is told of its parent's death by the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	cmd := exec.CommandContext(ctx, cfg.Binary, args...)
	cmd.Args[0] = "gymline" // what a process list shows
	cmd.Env = cfg.Env
	cmd.SysProcAttr = processAttributes()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = cfg.Grace
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return &failed{code: fault.Internal, cause: err.Error()}
	}
	tail := &lineTail{next: cfg.Stderr}
	cmd.Stderr = tail
	if err := cmd.Start(); err != nil {
		if ctx.Err() != nil {
			return &failed{code: fault.Interrupted, cause: "not started"}
		}
		return &failed{code: fault.Temporary, cause: fmt.Sprintf("start %s: %v", cfg.Binary, err)}
	}
	last := relay(stdout, sink)
	err = cmd.Wait()
	tail.flush()
	if err == nil {
		return nil
	}
	f := &failed{code: fault.Internal, cause: tail.last()}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		f.code = exit.ExitCode()
		if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			f.code = fault.Temporary // killed from outside, for lack of memory perhaps
			f.cause = fmt.Sprintf("killed by %v", ws.Signal())
		}
	}
	if ctx.Err() != nil {
		f.code = fault.Interrupted
	}
	if last.State == progress.Failed {
		f.cause, f.hint = last.Cause, last.Hint
	}
	return f
}

// relay passes a child's events on and returns its last one about its state. A
// failure is the engine's to tell, since only it knows whether it retries.
func relay(r io.Reader, sink progress.Sink) (last progress.Event) {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var e progress.Event
		if json.Unmarshal(sc.Bytes(), &e) != nil {
			continue
		}
		if e.Type == progress.StepState {
			last = e
			if e.State == progress.Failed {
				continue
			}
		}
		sink.Emit(e)
	}
	_, _ = io.Copy(io.Discard, r) // an over-long line must not block the child
	return last
}

// A lineTail passes whole lines on and remembers the last one.
type lineTail struct {
	next io.Writer
	part []byte
	line string
}

func (t *lineTail) Write(p []byte) (int, error) {
	t.part = append(t.part, p...)
	for {
		i := bytes.IndexByte(t.part, '\n')
		if i < 0 {
			return len(p), nil
		}
		t.pass(t.part[:i+1])
		t.part = t.part[i+1:]
	}
}

func (t *lineTail) pass(line []byte) {
	if s := strings.TrimSpace(string(line)); s != "" {
		t.line = s
	}
	if t.next != nil {
		_, _ = t.next.Write(line)
	}
}

func (t *lineTail) flush() {
	if len(t.part) > 0 {
		t.pass(append(t.part, '\n'))
		t.part = nil
	}
}

func (t *lineTail) last() string {
	if t.line == "" {
		return "it said nothing"
	}
	return t.line
}
