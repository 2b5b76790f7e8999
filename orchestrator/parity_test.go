package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/cli"
	handoff "github.com/gymline/gymline/internal/engine"
	"github.com/gymline/gymline/internal/engine/argo"
	"github.com/gymline/gymline/internal/engine/local"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/secrets"
	"github.com/gymline/gymline/internal/store"
)

// envParity is a folder into which a child writes what it was started with.
const envParity = "GYMLINE_TEST_PARITY"

// A started is a process's command line, after the program's name, and environment;
// Keys is what came over a pipe.
type started struct {
	Args []string
	Env  map[string]string
	Keys map[string]string
	// secret names those of a pod's variables that come from Secrets.
	secret map[string]bool
}

// The test binary is the child that local.Run starts: it says how, and does nothing.
func init() {
	dir := os.Getenv(envParity)
	if dir == "" {
		return
	}
	s := started{Args: os.Args[1:], Env: named(os.Environ())}
	keys, err := secrets.Unpack(os.Stdin)
	s.Keys = named(keys)
	data, jsonErr := json.Marshal(s)
	if err = errors.Join(err, jsonErr); err == nil {
		err = os.WriteFile(filepath.Join(dir, fmt.Sprint(os.Getpid())), data, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// named tells names and values of NAME=value apart.
func named(vars []string) map[string]string {
	values := map[string]string{}
	for _, v := range vars {
		name, value, _ := strings.Cut(v, "=")
		values[name] = value
	}
	return values
}

type nobody struct{}

func (nobody) Emit(progress.Event) {}

// A pod is started as the local engine's child is: the same command line, and the
// same environment but for what belongs to the machine. What a pod has from a Secret,
// and that alone, a child has over a pipe: here other programs of the user can read
// an environment, and a pod's container stands alone. One exception is meant: the job
// of a trainer that has a container of its own is told of the folder of both, and
// that container has nothing of the job's.
func TestParity(t *testing.T) {
	t.Parallel()
	for name, set := range map[string][]string{
		"quickstart": nil, "handoff": nil, "openai": nil,
		"container": {"train={agent: {container: {image: 'example.com/trainer:v1', command: [/train]}}}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parity(t, name, set...)
		})
	}
}

func parity(t *testing.T, name string, set ...string) {
	values := map[string]string{
		"MINIO_ACCESS_KEY": "parity-access", "MINIO_SECRET_KEY": "parity-secret", "OPENAI_API_KEY": canary, "HOME": t.TempDir(), "PATH": os.Getenv("PATH"),
		"UNRELATED": "stays here",
	}
	edge := &cli.Edge{Getenv: func(name string) string { return values[name] }, Executable: os.Executable}
	configs := filepath.Join(repo(t), "configs")
	config := name
	if set != nil {
		config = "handoff"
	}
	o := configFlags{config: filepath.Join(configs, config+".yaml"), set: set, profile: filepath.Join(configs, "profiles", "argo.yaml")}
	p, err := o.prepare(experiment.EngineArgo)
	if err != nil {
		t.Fatal(err)
	}
	p.trees = map[string]store.Tree{}
	for name := range p.Spec.Inputs {
		p.trees[name] = store.Tree{Digest: store.DigestOf([]byte(name))}
	}
	if err := p.lay(time.Now()); err != nil {
		t.Fatal(err)
	}

	// What the local engine starts.
	engine, err := p.childConfig(edge, &openStore{env: storeVariables(p.profile.Spec.Store.S3, "", "")})
	if err != nil {
		t.Fatal(err)
	}
	dir, env := t.TempDir(), engine.Env
	engine.Stderr = io.Discard
	engine.Env = func(s *plan.Step) []string { return append(env(s), envParity+"="+dir) }
	run := store.RunID(name + "-1")
	if failures, err := local.Run(t.Context(), engine, p.plan, run, nobody{}); err != nil || len(failures) > 0 {
		t.Fatalf("%v, %v", failures, err)
	}
	children := readStarted(t, dir)

	// What Argo would.
	m, err := compiled(p.plan, argoConfig(p.profile, p.how, store.DigestOf([]byte("draft"))))
	if err != nil {
		t.Fatal(err)
	}
	pods := map[string]started{}
	for _, step := range p.plan.Steps {
		for shard := range step.Shards {
			pod := podOf(t, m, string(step.Name), edge.Getenv)
			replace := strings.NewReplacer("{{workflow.name}}", string(run), "{{inputs.parameters.shard}}", strconv.Itoa(shard))
			for i, arg := range pod.Args {
				pod.Args[i] = replace.Replace(arg)
			}
			pods[strings.Join(pod.Args, " ")] = pod
		}
	}

	if got, want := slices.Sorted(maps.Keys(children)), slices.Sorted(maps.Keys(pods)); !slices.Equal(got, want) {
		t.Errorf("children run\n%s\nand pods\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	keys := 0
	for args, pod := range pods {
		child := children[args]
		if hasKeys := child.Env[secrets.Variable] == secrets.Stdin; hasKeys != (len(child.Keys) > 0) {
			t.Errorf("%s: a child has the keys %v, and is told %v", args, slices.Sorted(maps.Keys(child.Keys)), hasKeys)
		}
		for _, name := range append(childEnv, envParity, secrets.Variable) {
			delete(child.Env, name)
		}
		for name, value := range child.Keys {
			if child.Env[name] != "" || !pod.secret[name] {
				t.Errorf("%s: %s came over the pipe", args, name)
			}
			child.Env[name] = value
			delete(pod.secret, name)
		}
		if len(pod.secret) > 0 {
			t.Errorf("%s: a child has these in its environment: %v", args, pod.secret)
		}
		apart := pod.Args[1] == plan.JobTrain && name == "container"
		if _, told := pod.Env[handoff.HandOff]; told != apart {
			t.Errorf("%s: told of a trainer's container: %v, and it has one: %v", args, told, apart)
		}
		delete(pod.Env, handoff.HandOff)
		if !slices.Equal(child.Args, pod.Args) || !maps.Equal(child.Env, pod.Env) {
			t.Errorf("%s:\na child has %v\na pod has   %v", args, child.Env, pod.Env)
		}
		if pod.Env["OPENAI_API_KEY"] != "" {
			keys++
		}
	}
	if (keys > 0) != (name == "openai") {
		t.Errorf("%d pods have an API key", keys)
	}
}

func readStarted(t *testing.T, dir string) map[string]started {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]started{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var s started
		if err := json.Unmarshal(data, &s); err != nil {
			t.Fatal(err)
		}
		all[strings.Join(s.Args, " ")] = s
	}
	return all
}

// podOf is what a step's pods are started with. A secret has the value that this
// machine has for the variable which the shipped profile maps to the same key.
func podOf(t *testing.T, m *argo.Manifests, step string, getenv func(string) string) started {
	t.Helper()
	secrets := map[string]string{
		"gymline-store/accessKey": "MINIO_ACCESS_KEY", "gymline-store/secretKey": "MINIO_SECRET_KEY", "gymline-models/openai": "OPENAI_API_KEY",
	}
	for _, template := range m.Template.Spec.Templates {
		if template.Name != step {
			continue
		}
		c := template.Container
		if !slices.Equal(c.Command, []string{"/gymline"}) || len(c.EnvFrom) > 0 {
			t.Errorf("step %s: command %q, environment from %v", step, c.Command, c.EnvFrom)
		}
		pod := started{Args: slices.Clone(c.Args), Env: map[string]string{}, secret: map[string]bool{}}
		for _, v := range c.Env {
			if _, twice := pod.Env[v.Name]; twice {
				t.Errorf("step %s: %s is set twice", step, v.Name)
			}
			if pod.Env[v.Name] = v.Value; v.ValueFrom == nil {
				continue
			}
			ref := v.ValueFrom.SecretKeyRef
			if ref == nil || v.Value != "" || secrets[ref.Name+"/"+ref.Key] == "" {
				t.Fatalf("step %s: %s comes from %+v", step, v.Name, v.ValueFrom)
			}
			pod.secret[v.Name] = true
			pod.Env[v.Name] = getenv(secrets[ref.Name+"/"+ref.Key])
		}
		return pod
	}
	t.Fatalf("there is no template %s", step)
	return started{}
}
