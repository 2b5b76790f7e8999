package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/cluster"
	"github.com/gymline/gymline/internal/engine"
	"github.com/gymline/gymline/internal/engine/argo"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/gate"
	"github.com/gymline/gymline/internal/notify"
	"github.com/gymline/gymline/internal/otlp"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// argoConfig is how a profile and a run's execution lay a plan out for Argo.
func argoConfig(profile *experiment.Profile, how run.Execution, draft store.Digest) argo.Config {
	s, a := profile.Spec, profile.Spec.Argo
	token := "" // what holds the store's session token
	if ref := s.Store.S3.SessionToken; ref != nil {
		token = ref.Env
	} else if _, there := a.Secrets[envSessionToken]; there {
		token = envSessionToken
	}
	c := argo.Config{
		Namespace: a.Namespace, Image: a.Image, PullPolicy: a.PullPolicy,
		ServiceAccount: a.ServiceAccount, ExecutorServiceAccount: a.ExecutorServiceAccount,
		Env: func(step *plan.Step) []engine.Variable {
			vars := storeVariables(s.Store.S3, a.StoreEndpoint, token)
			if step == nil { // of a run that no person opens
				return append(vars, engine.Variable{Name: envBy, Value: "system:serviceaccount:" + a.Namespace + ":" + a.ServiceAccount})
			}
			return append(keyVariables(how, step), vars...)
		},
		Secrets: map[string]argo.SecretKey{}, Resources: map[string]argo.Resources{},
		Pods: a.Pods, Parallel: s.Parallelism.Shards, Draft: draft,
		Retries: s.Retries.Limit, Backoff: time.Duration(s.Retries.Backoff), MaxBackoff: time.Duration(s.Retries.MaxBackoff),
		Deadline: time.Duration(a.Deadline), Suspend: a.HandOff == "suspend", Scratch: a.Scratch,
	}
	for _, name := range notify.Variables(how.Notify) {
		if _, there := a.Secrets[name]; there { // else another profile sent the run that is tried again
			c.Notify = append(c.Notify, engine.Variable{Name: name, Secret: name})
		}
	}
	for _, name := range otlp.Variables() {
		if _, there := a.Secrets[name]; there {
			c.Seal = append(c.Seal, engine.Variable{Name: name, Secret: name})
		}
	}
	if _, there := a.Secrets[how.SignEnv]; there {
		c.SignKey = how.SignEnv
	}
	if k := a.TrainerKeys; k != nil {
		c.TrainerKeys = map[string]argo.SecretKey{envAccessKey: {Name: k.AccessKey.Name, Key: k.AccessKey.Key}, envSecretKey: {Name: k.SecretKey.Name, Key: k.SecretKey.Key}}
		if k.SessionToken != nil {
			c.TrainerKeys[envSessionToken] = argo.SecretKey{Name: k.SessionToken.Name, Key: k.SessionToken.Key}
		}
	}
	for name, key := range a.Secrets {
		c.Secrets[name] = argo.SecretKey{Name: key.Name, Key: key.Key}
	}
	for step, r := range a.Resources {
		c.Resources[step] = argo.Resources{Requests: r.Requests, Limits: r.Limits}
	}
	return c
}

func argoSchedule(e *experiment.Experiment) *argo.Schedule {
	s := e.Spec.Schedule
	if s == nil {
		return nil
	}
	return &argo.Schedule{Cron: s.Cron, Timezone: s.Timezone, StartingDeadline: time.Duration(s.StartingDeadline)}
}

// compiled lays a plan out and refuses what a cluster could not hold.
func compiled(p *plan.Plan, c argo.Config) (*argo.Manifests, error) {
	m, err := argo.Compile(p, c)
	if err != nil {
		return nil, err
	}
	return m, argo.Check(m, p, c)
}

// needEngine refuses a profile of another engine, and says what takes it.
func needEngine(p *experiment.Profile, want string) error {
	if p.Spec.Engine == want {
		return nil
	}
	instead := "use 'gymline submit'"
	if want == experiment.EngineArgo {
		instead = "give a profile with engine: argo by --profile; configs/profiles/argo.yaml is one"
	}
	return fault.New(fault.Config, fmt.Errorf("profile %s: its engine is %s, and this command wants %s", p.Metadata.Name, p.Spec.Engine, want), instead)
}

// onArgo is what the commands for submitted runs work with: a profile's cluster and
// its store.
type onArgo struct {
	*argo.Client
	cluster.Cluster
	st      *store.Store
	profile *experiment.Profile
}

// onCluster opens both for a command on a run that was submitted.
func onCluster(ctx context.Context, edge *cli.Edge, file string, fn func(*onArgo) error) error {
	p, err := loadProfile(file)
	if err == nil {
		err = needEngine(p, experiment.EngineArgo)
	}
	if err != nil {
		return err
	}
	return withCluster(ctx, edge, p, fn)
}

func withCluster(ctx context.Context, edge *cli.Edge, p *experiment.Profile, fn func(*onArgo) error) error {
	client, err := argo.Connect(p.Spec.Argo.Namespace, p.Spec.Argo.Context)
	if err != nil {
		return err
	}
	st, err := openProfile(ctx, edge, p)
	if err != nil {
		return err
	}
	return errors.Join(fn(&onArgo{client, cluster.Cluster{Client: client, Runs: registry(edge, st.Store)}, st.Store, p}), st.close())
}

// follow shows a submitted run until it ends, with its results, and adds its end to a CI
// job's summary.
func (c *onArgo) follow(ctx context.Context, edge *cli.Edge, id store.RunID, p *plan.Plan, out printer) (err error) {
	ended := progress.Event{Type: progress.RunEnded, Run: string(id)}
	var result *gate.Result
	if ended.State, err = c.Follow(ctx, id, p, out); err == nil {
		if err = out.results(ctx, c.st, p, &ended); err == nil {
			result, err = passGate(ctx, c.st, c.Runs.Now(), &ended)
		}
	}
	ended = failed(ended, err)
	err = out.end(ctx, ended, err)
	summarize(edge, ended, result)
	return err
}

// watchFlags are shared by the commands that can follow a submitted run.
type watchFlags struct {
	wait   bool
	output string
}

func (f *watchFlags) bindWatch(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.wait, "wait", false, "show progress until the run ends, and exit as the run does")
	bindOutput(cmd, &f.output, "text", "json")
}

func profileFlag(file string) string { return " --profile " + cmp.Or(file, "FILE") }
