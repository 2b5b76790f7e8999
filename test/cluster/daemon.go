//go:build e2e && linux

package cluster

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// stopGrace is how long a daemon may take to end after SIGTERM before it is killed.
const stopGrace = 5 * time.Second

// daemon is one child process with a log file of its own.
type daemon struct {
	name, log string
	cmd       *exec.Cmd
	done      chan struct{}
}

// start runs a program until stop; env adds to a small fixed environment.
func (c *Cluster) start(name, program string, env []string, args ...string) (*daemon, error) {
	log := c.path("logs", name+".log")
	if err := os.MkdirAll(filepath.Dir(log), 0o755); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	defer out.Close()
	d := &daemon{name: name, log: log, cmd: exec.Command(program, args...), done: make(chan struct{})}
	d.cmd.Stdout, d.cmd.Stderr = out, out
	d.cmd.Dir = c.o.Dir
	d.cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + c.o.Dir}, env...)
	// A process group of its own keeps the terminal's interrupt away, so that Close decides the order.
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		_ = d.cmd.Wait()
		close(d.done)
	}()
	return d, nil
}

// keep starts a daemon that lives as long as the cluster.
func (c *Cluster) keep(name, program string, args ...string) error {
	d, err := c.start(name, program, nil, args...)
	if err == nil {
		c.daemons = append(c.daemons, d)
	}
	return err
}

// stop ends the process and waits for it; a nil daemon is stopped already.
func (d *daemon) stop(grace time.Duration) error {
	if d == nil {
		return nil
	}
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.done:
		return nil
	case <-time.After(grace):
	}
	_ = d.cmd.Process.Kill()
	select {
	case <-d.done:
		return nil
	case <-time.After(stopGrace):
		return fmt.Errorf("stopping %s: process %d outlived SIGKILL", d.name, d.cmd.Process.Pid)
	}
}

// await polls until probe succeeds, and fails at once when one of the daemons has ended.
func await(ctx context.Context, limit time.Duration, probe func(context.Context) error, needs ...*daemon) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last error
	for {
		for _, d := range needs {
			select {
			case <-d.done:
				return fmt.Errorf("%s ended early (%s); its log ends with:\n%s", d.name, d.cmd.ProcessState, tail(d.log))
			default:
			}
		}
		if err := probe(ctx); err == nil {
			return nil
		} else if last == nil || !errors.Is(err, context.DeadlineExceeded) {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %s: %w: %w", limit, ctx.Err(), last)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// tail is the last 2,000 bytes of a log.
func tail(path string) []byte {
	text, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	return bytes.TrimSpace(text[max(0, len(text)-2000):])
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}
