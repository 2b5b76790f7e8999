package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

// A run that failed in no shard, such as one that could not be sealed, says why as
// well: each cause is told once.
func TestFailureIsToldOnce(t *testing.T) {
	why := fault.New(fault.Temporary, errors.New("the store is away"), "try again")
	for _, inShard := range []bool{true, false} {
		var shown bytes.Buffer
		edge := &cli.Edge{Stdout: &bytes.Buffer{}, Stderr: &shown, Now: time.Now, Getenv: nothingSet}
		out := newPrinter(edge, "text")
		if inShard {
			out.Emit(progress.Event{Type: progress.StepState, Step: "make", State: progress.Failed}.Because(why))
		}
		ended := progress.Event{Type: progress.RunEnded, Run: "x-1", State: store.Failed}
		code := edge.Main(func(ctx context.Context) error { return out.end(ctx, failed(ended, why), why) })
		if told := strings.Count(shown.String(), "→ try again"); told != 1 || code != fault.Temporary {
			t.Errorf("in a shard %v: exit code %d, told %d times: %q", inShard, code, told, shown.String())
		}
	}
}
