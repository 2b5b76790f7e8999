package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/gymline/gymline/internal/fault"
)

func TestMainPrintsTheErrorAndItsHint(t *testing.T) {
	bad := fault.New(fault.Config, errors.New("two problems\nhere and there"), "mend them")
	for name, c := range map[string]struct {
		err  error
		code int
		want string
	}{
		"done":      {nil, fault.OK, ""},
		"permanent": {errors.New("row 7"), fault.Permanent, "gymline: row 7\n"},
		"hint":      {fmt.Errorf("run: %w", bad), fault.Config, "gymline: run: two problems\n  here and there\n  → mend them\n"},
		"told":      {Shown(bad), fault.Config, ""},
	} {
		var stderr bytes.Buffer
		e := &Edge{Stderr: &stderr}
		if code := e.Main(func(context.Context) error { return c.err }); code != c.code || stderr.String() != c.want {
			t.Errorf("%s: exit code %d, %q", name, code, stderr.String())
		}
	}
}

func TestMainHandsSignalsOn(t *testing.T) {
	t.Cleanup(func() { signal.Reset(syscall.SIGHUP) })
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // or it may be ignored, as under nohup
	// The hang-up is first: after a signal, Main is deaf to it.
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM} {
		var stderr bytes.Buffer
		e := &Edge{Stderr: &stderr}
		code := e.Main(func(ctx context.Context) error {
			if err := syscall.Kill(syscall.Getpid(), sig); err != nil {
				return err
			}
			<-ctx.Done()
			return fmt.Errorf("run: %w", ctx.Err())
		})
		if code != fault.Interrupted || !bytes.Contains(stderr.Bytes(), []byte("interrupted")) {
			t.Errorf("%v: exit code %d, %q", sig, code, stderr.String())
		}
	}
}

// TestNohup: what was started to outlive its terminal does.
func TestNohup(t *testing.T) {
	signal.Ignore(syscall.SIGHUP)
	t.Cleanup(func() { signal.Reset(syscall.SIGHUP) })
	e := &Edge{Stderr: &bytes.Buffer{}}
	code := e.Main(func(ctx context.Context) error {
		for range 3 {
			if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	if code != fault.OK {
		t.Errorf("exit code %d", code)
	}
}

func TestLogLevel(t *testing.T) {
	for level, want := range map[string]int{"": 1, "debug": 3, "info": 2, "warn": 1, "error": 0, "nonsense": 1} {
		var stderr bytes.Buffer
		log := (&Edge{Stderr: &stderr, Getenv: func(string) string { return level }}).Logger()
		log.Debug("x")
		log.Info("x")
		log.Warn("x")
		if got := bytes.Count(stderr.Bytes(), []byte("\n")); got != want {
			t.Errorf("level %q logs %d of 3 lines, want %d", level, got, want)
		}
	}
}

func TestCacheDir(t *testing.T) {
	for want, env := range map[string]map[string]string{
		"/x/gymline":        {"XDG_CACHE_HOME": "/x", "HOME": "/h"},
		"/h/.cache/gymline": {"XDG_CACHE_HOME": "relative", "HOME": "/h"},
		"":                  {"HOME": "."},
	} {
		edge := &Edge{Getenv: func(name string) string { return env[name] }}
		if got := edge.CacheDir(); got != want {
			t.Errorf("with %v: %q, want %q", env, got, want)
		}
	}
}
