package main

import (
	"io"
	"slices"
	"testing"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/run"
)

// A trainer gets the job's environment, without the keys of its models.
func TestTrainersGetNoKeys(t *testing.T) {
	edge := &cli.Edge{Stderr: io.Discard, Environ: func() []string { return []string{"A=b"} }}
	r := newTrainer(edge, run.Execution{Models: map[string]llm.Access{"m": {KeyEnv: "MODEL_KEY"}, "azure": {Headers: map[string]llm.Header{"api-key": {Env: "HEADER_KEY"}}}, "sim": {}}})
	if !slices.Equal(slices.Sorted(slices.Values(r.Secret)), []string{"HEADER_KEY", "MODEL_KEY"}) || !slices.Equal(r.Environ, []string{"A=b"}) || r.Log != edge.Stderr {
		t.Errorf("%+v", r)
	}
}
