// Package cli is the process edge: arguments, environment, streams, clock,
// signals and exit codes are touched here and nowhere else, and what a person
// sees of a run is printed here.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/secrets"
	"github.com/gymline/gymline/internal/text"
)

// An Edge is the world around the process.
type Edge struct {
	Args   []string // without the program's name
	Getenv func(string) string
	// Setenv changes what Getenv says, and not what other processes see.
	Setenv func(name, value string) error
	// Environ is the whole environment, as NAME=value, for programs of the user's.
	Environ func() []string
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Now     func() time.Time
	// Executable is the path of the running binary, for child processes.
	Executable func() (string, error)
	// User is who runs the process, as the machine calls them; "" where it does not.
	User func() string
	// Terminal says whether Stderr is one, and Width its columns.
	Terminal bool
	Width    func() int
	// Shown says whether Stdout is a terminal.
	Shown bool

	data, screen io.Writer // Stdout and Stderr as they are
	out          *stdout   // what Stdout is, in a process
}

// guard lets text.Safe see everything that is written to the streams, whatever
// command writes it.
func (e *Edge) guard() {
	e.data, e.screen = e.Stdout, e.Stderr
	e.Stdout, e.Stderr = text.SafeWriter(e.Stdout), text.SafeWriter(e.Stderr)
}

// Data is the standard output byte by byte, for what another program reads; on a
// terminal it is Stdout.
func (e *Edge) Data() io.Writer {
	if e.data == nil || e.Shown {
		return e.Stdout
	}
	return e.data
}

// Screen is the standard error for what draws on it. Texts of others pass
// text.Safe on the way.
func (e *Edge) Screen() io.Writer {
	if e.screen == nil {
		return e.Stderr
	}
	return e.screen
}

// System returns the real edge.
func System() *Edge {
	fd, out := int(os.Stderr.Fd()), &stdout{f: os.Stdout}
	return &Edge{
		Args: os.Args[1:], Getenv: os.Getenv, Setenv: os.Setenv, Environ: os.Environ, Stdin: os.Stdin, Stdout: out, out: out, Stderr: os.Stderr, Now: time.Now,
		Executable: executable,
		User:       username,
		Shown:      term.IsTerminal(int(os.Stdout.Fd())),
		Terminal:   term.IsTerminal(fd) && os.Getenv("TERM") != "dumb",
		Width: func() int {
			if w, _, err := term.GetSize(fd); err == nil && w > 0 {
				return w
			}
			return 80
		},
	}
}

// CacheDir is where to keep what can be made again; "" where the environment names
// no place for it.
func (e *Edge) CacheDir() string {
	if dir := e.Getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "gymline")
	}
	if home := e.Getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".cache", "gymline")
	}
	return ""
}

// Main runs a command until it ends or a signal asks it to, prints its error,
// and returns the exit code. A second signal ends the process at once; but a hang-up
// may come twice, from the terminal and from its shell.
func (e *Edge) Main(run func(ctx context.Context) error) int {
	e.guard()
	if err := secrets.Guard(); err != nil { // any command may have keys in its environment
		fmt.Fprintf(e.Stderr, "gymline: %v; its keys can be read by other programs of this user\n", err)
	}
	// A reader that leaves, such as head, must not end a run: the write fails instead.
	signal.Ignore(syscall.SIGPIPE)
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	defer stop()
	unheeded := context.AfterFunc(ctx, func() {
		signal.Ignore(syscall.SIGHUP)
		stop()
	})
	err := run(ctx)
	unheeded()
	if err == nil && e.out != nil {
		err = e.out.failure()
	}
	if err == nil || readerLeft(err) {
		return fault.OK
	}
	interrupted := ctx.Err() != nil && errors.Is(err, context.Canceled)
	if _, ok := errors.AsType[shown](err); !ok {
		if interrupted {
			fmt.Fprintln(e.Stderr, "gymline: interrupted; what was done is kept, and the same command goes on from there")
		} else {
			e.PrintError(err)
		}
	}
	if interrupted {
		return fault.Interrupted
	}
	return fault.Code(err)
}

// username asks the environment first, which sudo and shells of other users set.
func username() string {
	if name := os.Getenv("USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// executable names the running binary so that children are started from the
// same one, also when its file is replaced meanwhile.
func executable() (string, error) {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe", nil
	}
	return os.Executable()
}

// Shown marks an error that a person has already been told of, so that Main
// only exits with its code.
func Shown(err error) error { return shown{err} }

type shown struct{ error }

func (s shown) Unwrap() error { return s.error }

// PrintError prints an error, indented where it has several lines, and its hint.
func (e *Edge) PrintError(err error) {
	fmt.Fprintf(e.Stderr, "gymline: %s\n", strings.ReplaceAll(err.Error(), "\n", "\n  "))
	if hint := fault.Hint(err); hint != "" {
		fmt.Fprintf(e.Stderr, "  → %s\n", hint)
	}
}

// Logger returns the process's logger: text on stderr, at the level that
// GYMLINE_LOG names (debug, info, warn, error; default warn).
func (e *Edge) Logger() *slog.Logger {
	level := slog.LevelWarn
	if s := e.Getenv("GYMLINE_LOG"); s != "" {
		_ = level.UnmarshalText([]byte(s)) // an unknown name keeps the default
	}
	return slog.New(slog.NewTextHandler(e.Stderr, &slog.HandlerOptions{Level: level}))
}
