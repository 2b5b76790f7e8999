package main

import (
	"io"
	"slices"
	"testing"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/trainer"
	"github.com/gymline/gymline/internal/trainer/apart"
)

// A trainer gets the job's environment, without the keys of its models.
func TestTrainersGetNoKeys(t *testing.T) {
	folder := ""
	edge := &cli.Edge{Stderr: io.Discard, Environ: func() []string { return []string{"A=b"} }, Getenv: func(string) string { return folder }}
	r, _ := newTrainer(edge, run.Execution{Models: map[string]llm.Access{"m": {KeyEnv: "MODEL_KEY"}, "azure": {Headers: map[string]llm.Header{"api-key": {Env: "HEADER_KEY"}}}, "sim": {}}}).(*trainer.Runner)
	if !slices.Equal(slices.Sorted(slices.Values(r.Secret)), []string{"HEADER_KEY", "MODEL_KEY"}) || !slices.Equal(r.Environ, []string{"A=b"}) || r.Log != edge.Stderr {
		t.Errorf("%+v", r)
	}
	folder = "/handoff"
	if r, ok := newTrainer(edge, run.Execution{}).(*apart.Runner); !ok || r.Folder != folder {
		t.Errorf("beside a trainer's container: %+v", r)
	}
}
