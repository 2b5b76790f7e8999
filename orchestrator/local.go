package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/engine"
	"github.com/gymline/gymline/internal/engine/local"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// grace is how long a job may take to leave, flushing included.
const grace = 10 * time.Second

// checkKeys refuses a run that would call a model whose API key is not set, and
// returns what it found to be known.
func checkKeys(ctx context.Context, edge *cli.Edge, st *store.Store, p *plan.Plan, inputs *job.Inputs, how run.Execution, fresh bool) (job.Memos, error) {
	if how.ReplayOnly {
		return nil, nil
	}
	shards, known, err := run.LookAhead(ctx, st, p, inputs)
	if err != nil {
		return nil, err
	}
	if fresh {
		for i := range shards {
			shards[i].Reused = false
		}
	}
	missing := slices.DeleteFunc(how.KeysAhead(p, shards), func(name string) bool { return edge.Getenv(name) != "" })
	if len(missing) == 0 {
		return known, nil
	}
	return nil, fault.New(fault.Config, fmt.Errorf("API keys: not set: %s", strings.Join(missing, ", ")),
		"export these environment variables; the config names them under models")
}

// settling has the engine settle what is known of a step before it starts children
// for the rest. What cannot be settled is theirs, and so is telling why.
func settling(o *job.Opened, known job.Memos, now func() time.Time, sink progress.Sink) func(context.Context, *plan.Step) []bool {
	return func(ctx context.Context, step *plan.Step) []bool {
		done, _ := o.Settle(ctx, step, known, now, sink)
		return done
	}
}

// childEnv are the variables that children get beside the store's and the API
// keys: what programs need to run, to find certificates and proxies, and Go's own.
var childEnv = []string{
	"PATH", "HOME", "TMPDIR", "GYMLINE_LOG", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
	"GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK", "GORACE", "GOCOVERDIR",
}

// keyVariables are the API keys of a step's models.
func keyVariables(how run.Execution, step *plan.Step) (vars []engine.Variable) {
	for _, name := range how.Keys(step) {
		vars = append(vars, engine.Variable{Name: name, Secret: name})
	}
	return vars
}

func machineEnv(edge *cli.Edge) []engine.Variable {
	var vars []engine.Variable
	for _, name := range childEnv {
		vars = append(vars, engine.Variable{Name: name, Value: edge.Getenv(name)})
	}
	return vars
}

func childConfig(edge *cli.Edge, profile *experiment.Profile, how run.Execution, st *openStore) (local.Config, error) {
	binary, err := edge.Executable()
	if err != nil {
		return local.Config{}, fault.New(fault.Internal, fmt.Errorf("find gymline's own binary: %w", err), "")
	}
	env := func(step *plan.Step) []string {
		var vars []string
		for _, v := range append(keyVariables(how, step), machineEnv(edge)...) {
			if v.Secret != "" {
				v.Value = edge.Getenv(v.Secret)
			}
			if v.Value != "" {
				vars = append(vars, v.Name+"="+v.Value)
			}
		}
		return append(vars, st.env...)
	}
	r := profile.Spec.Retries
	return local.Config{
		Binary: binary, Env: env, Parallel: profile.Spec.Parallelism.Shards,
		Retries: r.Limit, Backoff: time.Duration(r.Backoff), MaxBackoff: time.Duration(r.MaxBackoff), Grace: grace,
	}, nil
}
