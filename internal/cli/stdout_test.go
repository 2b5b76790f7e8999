package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/fault"
)

// writing returns the exit code of a command that prints without looking, and ends with err.
func writing(t *testing.T, f *os.File, err error) (code int, stderr string) {
	t.Helper()
	var b bytes.Buffer
	out := &stdout{f: f}
	e := &Edge{Stdout: out, out: out, Stderr: &b}
	code = e.Main(func(context.Context) error {
		for range 3 {
			fmt.Fprintln(e.Stdout, "x")
		}
		return err
	})
	return code, b.String()
}

// TestAFullDeviceFails: what was to be printed and was not is no success.
func TestAFullDeviceFails(t *testing.T) {
	if runtime.GOOS != "linux" && os.Getenv("CI") != "true" {
		t.Skip("there is no /dev/full")
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	if code, stderr := writing(t, full, nil); code != fault.Temporary || !strings.Contains(stderr, "no space left") || !strings.Contains(stderr, "free space") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	if code, _ := writing(t, full, errors.New("row 7")); code != fault.Permanent {
		t.Errorf("the work's own error gives way: exit code %d", code)
	}
}

// TestAReaderThatLeavesIsNoFailure: head has seen enough; what else went wrong counts.
func TestAReaderThatLeavesIsNoFailure(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.Close()
	if code, stderr := writing(t, w, nil); code != fault.OK || stderr != "" {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	out := &stdout{f: w}
	_, gone := out.Write([]byte("x"))
	for err, want := range map[error]int{
		gone:                               fault.OK,
		fmt.Errorf("get: %w", gone):        fault.OK,
		errors.Join(gone, gone):            fault.OK,
		errors.Join(errors.New("x"), gone): fault.Permanent,
		fault.New(fault.Config, errors.Join(gone, errors.New("x")), ""): fault.Config,
	} {
		if code, _ := writing(t, w, err); code != want {
			t.Errorf("%v: exit code %d, want %d", err, code, want)
		}
	}
}
