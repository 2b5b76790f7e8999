package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/cluster"
	"github.com/gymline/gymline/internal/engine/argo"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/folder"
)

// A forgetful cluster has no workflow any more.
type forgetful struct{ cluster.Client }

func (forgetful) State(_ context.Context, id store.RunID) (*argo.State, error) {
	return nil, fmt.Errorf("%w %s", argo.ErrNoWorkflow, id)
}

func (forgetful) Images(context.Context, store.RunID) ([]store.Image, error) { return nil, nil }

// A mute printer finds results, and shows nothing.
type mute struct {
	progress.Sink
	io.Writer
}

func (mute) results(ctx context.Context, st *store.Store, p *plan.Plan, ended *progress.Event) error {
	_, err := addResults(ctx, st, p, ended)
	return err
}

func (mute) end(_ context.Context, _ progress.Event, err error) error { return err }

// Who waits for a submitted run exits as who runs it here, and a CI job's summary gets the
// same from both.
func TestWhoWaitsSummarizes(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	here, there := filepath.Join(l.dir, "here.md"), filepath.Join(l.dir, "there.md")
	l.env = []string{envSummary + "=" + here}
	l.fails(66, "run", filepath.Join(repo(t), "configs", "quickstart.yaml"), "--set", "evaluate.gate=[{minF1: 99, candidate: careful}]")
	bucket, err := folder.Open(filepath.Join(l.dir, ".gymline"))
	if err != nil {
		t.Fatal(err)
	}
	defer bucket.Close()
	st := store.New(bucket)
	p, err := run.ReadPlan(t.Context(), st, "quickstart-1")
	if err != nil {
		t.Fatal(err)
	}
	edge := &cli.Edge{Now: time.Now, Stderr: io.Discard, Getenv: func(name string) string { return map[string]string{envSummary: there}[name] }}
	c := &onArgo{Cluster: cluster.Cluster{Client: forgetful{}, Runs: registry(edge, st)}, st: st}
	err = c.follow(t.Context(), edge, "quickstart-1", p, mute{progress.NewJSON(io.Discard), io.Discard})
	if fault.Code(err) != fault.Gate {
		t.Error(err)
	}
	want, err := os.ReadFile(here)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(there); err != nil || string(got) != string(want) {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}
