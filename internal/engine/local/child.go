package local

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
)

// child runs one process to its end and passes its events on. When ctx ends the
// child gets SIGTERM, and SIGKILL after the grace.
func (cfg Config) child(ctx context.Context, step *plan.Step, args []string, sink progress.Sink) error {
	// A child is told of its parent's death by the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	cmd := exec.CommandContext(ctx, cfg.Binary, args...)
	cmd.Args[0] = "gymline" // what a process list shows
	cmd.Env = cfg.Env(step)
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
		return startFailure(ctx, cfg.Binary, err)
	}
	last := relay(stdout, sink)
	_ = cmd.Wait() // it would report ctx's end in place of what the child did
	tail.flush()
	if cmd.ProcessState.Success() {
		return nil
	}
	f := ended(ctx, cmd.ProcessState, tail)
	if last.State == progress.Failed && f.code != fault.Interrupted {
		f.cause, f.hint = last.Cause, last.Hint
	}
	return f
}

func startFailure(ctx context.Context, binary string, err error) *failed {
	f := &failed{code: fault.Config, cause: fmt.Sprintf("start %s: %v", binary, err), hint: "is gymline's binary still there?"}
	switch {
	case ctx.Err() != nil:
		f.code = fault.Interrupted
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.ENOMEM):
		f.code, f.hint = fault.Temporary, "the machine has no room for another process: lower parallelism.shards"
	}
	return f
}

// ended says how a child that did not succeed came to its end.
func ended(ctx context.Context, state *os.ProcessState, tail *lineTail) *failed {
	asked := ctx.Err() != nil
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		if asked {
			return &failed{code: fault.Interrupted, cause: "interrupted"}
		}
		f := &failed{code: fault.Temporary, cause: "killed by " + unix.SignalName(ws.Signal())}
		if ws.Signal() == syscall.SIGKILL {
			f.hint = "if memory ran out, lower parallelism.inFlight or parallelism.shards in the profile"
		}
		return f
	}
	switch code := state.ExitCode(); code {
	case fault.Interrupted:
		if asked {
			return &failed{code: code, cause: "interrupted"}
		}
		return &failed{code: fault.Temporary, cause: "ended by a signal from outside"}
	case fault.Usage, fault.Permanent, fault.Budget, fault.Temporary, fault.Config:
		return &failed{code: code, cause: tail.words()}
	default:
		return &failed{code: fault.Internal, cause: tail.words(), hint: "this is a defect: please report it with the log above"}
	}
}

// relay passes a child's events on and returns its last one about its state. A
// failure is the engine's to tell, since only it knows whether it retries.
func relay(r io.Reader, sink progress.Sink) (last progress.Event) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		var e progress.Event
		if json.Unmarshal(line, &e) == nil {
			if e.Type == progress.StepState {
				last = e
			}
			if e.State != progress.Failed {
				sink.Emit(e)
			}
		}
		if err != nil {
			return last
		}
	}
}

// maxLine bounds what a lineTail holds of one line, in bytes.
const maxLine = 64 << 10

// A lineTail passes whole lines on and remembers what a dying child said.
type lineTail struct {
	next  io.Writer
	part  []byte
	line  string // the last one
	cause string // the first one of a crash
}

func (t *lineTail) Write(p []byte) (int, error) {
	t.part = append(t.part, p...)
	for {
		i := bytes.IndexByte(t.part, '\n')
		if i < 0 && len(t.part) < maxLine {
			return len(p), nil
		}
		if i < 0 {
			i = len(t.part) - 1
		}
		t.pass(t.part[:i+1])
		t.part = t.part[i+1:]
	}
}

func (t *lineTail) pass(line []byte) {
	if s := strings.TrimSpace(string(line)); s != "" {
		t.line = s
		if t.cause == "" && (strings.HasPrefix(s, "panic:") || strings.HasPrefix(s, "fatal error:") || strings.HasPrefix(s, "SIG")) {
			t.cause = s
		}
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

// words are what the child said of its end.
func (t *lineTail) words() string { return cmp.Or(t.cause, t.line, "it said nothing") }
