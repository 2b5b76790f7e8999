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
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/notify"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
)

// grace is how long a job may take to leave, flushing included.
const grace = 10 * time.Second

// checkKeys refuses a run that would call a model whose API key is not set.
func (p *prepared) checkKeys(ctx context.Context, edge *cli.Edge, o *job.Opened) error {
	if p.how.ReplayOnly {
		return nil
	}
	shards, err := o.Ahead(ctx)
	if err != nil {
		return err
	}
	if p.fresh {
		for i := range shards {
			shards[i].Reused = false
		}
	}
	missing := slices.DeleteFunc(p.how.KeysAhead(p.plan, shards), func(name string) bool { return edge.Getenv(name) != "" })
	if len(missing) == 0 {
		return nil
	}
	return fault.New(fault.Config, fmt.Errorf("API keys: not set: %s", strings.Join(missing, ", ")),
		"export these environment variables; the config names them under models")
}

// childEnv are the variables that children get beside the store's: what programs need
// to run, to find certificates and proxies, and Go's own.
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

func (p *prepared) childConfig(edge *cli.Edge, st *openStore) (local.Config, error) {
	binary, err := edge.Executable()
	if err != nil {
		return local.Config{}, fault.New(fault.Internal, fmt.Errorf("find gymline's own binary: %w", err), "")
	}
	env := func(step *plan.Step) []string {
		var list []string
		for _, name := range childEnv {
			if value := edge.Getenv(name); value != "" {
				list = append(list, name+"="+value)
			}
		}
		for _, v := range st.env {
			if v.Secret == "" {
				list = append(list, v.Name+"="+v.Value)
			}
		}
		return list
	}
	keys := func(step *plan.Step) []string {
		var list []string
		if external(step) { // it tells that it waits
			for _, name := range notify.Variables(p.how.Notify) {
				list = append(list, name+"="+edge.Getenv(name))
			}
		}
		for _, v := range append(keyVariables(p.how, step), st.env...) {
			if v.Secret != "" {
				list = append(list, v.Name+"="+edge.Getenv(v.Secret))
			}
		}
		return list
	}
	r := p.profile.Spec.Retries
	return local.Config{
		Binary: binary, Env: env, Secrets: keys, Parallel: p.profile.Spec.Parallelism.Shards,
		Retries: r.Limit, Backoff: time.Duration(r.Backoff), MaxBackoff: time.Duration(r.MaxBackoff), Grace: grace,
	}, nil
}
