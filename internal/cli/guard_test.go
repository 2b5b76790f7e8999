package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/fault"
)

// Whatever a command writes, and however it fails, nothing of a text's reaches a
// terminal or a log as a command; data for other programs goes out as it is.
func TestStreamsAreGuarded(t *testing.T) {
	const hostile = "a\x1b]0;owned\x07\u009b2J\u202e\u200b\x9bz"
	var out, errs bytes.Buffer
	e := &Edge{Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }}
	code := e.Main(func(context.Context) error {
		fmt.Fprintln(e.Stdout, hostile)
		e.Logger().Warn(hostile, "name", hostile)
		return fault.New(fault.Permanent, errors.New(hostile), hostile)
	})
	if code != fault.Permanent || strings.Count(out.String()+errs.String(), `\u202e`) < 4 {
		t.Errorf("%d: %s%s", code, out.String(), errs.String())
	}
	for _, written := range []string{out.String(), errs.String()} {
		if strings.ContainsAny(written, "\x1b\x07\u009b\u202e\u200b") || strings.Contains(written, "\x9bz") {
			t.Errorf("%q", written)
		}
	}
	for shown, want := range map[bool]string{false: "\x1b[2J", true: `\u001b[2J`} {
		var out bytes.Buffer
		e := &Edge{Stdout: &out, Stderr: io.Discard, Shown: shown}
		e.Main(func(context.Context) error { _, err := io.WriteString(e.Data(), "\x1b[2J"); return err })
		if out.String() != want {
			t.Errorf("shown %v: %q", shown, out.String())
		}
	}
}
