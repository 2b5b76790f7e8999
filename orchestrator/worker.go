package main

import (
	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/engine"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm/budget"
	"github.com/gymline/gymline/internal/llm/provider"
	"github.com/gymline/gymline/internal/notify"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/seed"
	"github.com/gymline/gymline/internal/sim"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trainer"
	"github.com/gymline/gymline/internal/trainer/apart"
)

// registry opens and ends the runs of a store.
func registry(edge *cli.Edge, st *store.Store) run.Registry {
	return run.Registry{
		Store: st, Now: edge.Now, Version: version(), By: (&whoFlags{}).who(edge), Binary: binary(edge), Environment: surroundings(edge), Log: edge.Logger(),
	}
}

// worker does shards with gymline's jobs and the models that a run's execution names.
func worker(edge *cli.Edge, st *store.Store) run.Worker {
	log := edge.Logger()
	return run.Worker{
		Store: st, Jobs: jobs, Log: log, Now: edge.Now,
		Exec: func(how run.Execution) job.Runner { return newTrainer(edge, how) },
		Models: func(r store.Run, how run.Execution, which job.Shard) run.Models {
			var account *budget.Account
			if how.BudgetUSD > 0 {
				account = budget.New(budget.Options{
					Store: st, Account: r.Spending(), USD: how.BudgetUSD, Run: which.Run, Step: which.Step, Shard: which.Shard, Now: edge.Now,
				})
			}
			return provider.New(provider.Options{
				Bucket: st.Bucket(), Getenv: edge.Getenv, Access: how.Models, Budget: account, ReplayOnly: how.ReplayOnly, Sim: sim.New, Now: edge.Now, Log: log,
				JitterSeed: seed.New(uint64(which.Shard), string(which.Step)).Uint64(), // shards that were turned away together come back apart
			})
		},
	}
}

// newTrainer runs trainers: in the container beside this one where there is one, else
// with the job's environment, but for what opens its store and models.
func newTrainer(edge *cli.Edge, how run.Execution) job.Runner {
	if folder := edge.Getenv(engine.HandOff); folder != "" {
		return &apart.Runner{Folder: folder}
	}
	r := newChildTrainer(edge)
	r.Secret = append(r.Secret, notify.Variables(how.Notify)...)
	if how.SignEnv != "" {
		r.Secret = append(r.Secret, how.SignEnv)
	}
	for _, access := range how.Models {
		r.Secret = append(r.Secret, access.Secrets()...)
	}
	return r
}

func newChildTrainer(edge *cli.Edge) *trainer.Runner {
	r := &trainer.Runner{Log: edge.Stderr}
	if edge.Environ != nil {
		r.Environ = edge.Environ()
	}
	return r
}
