package argo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-workflows/v3/util/template"
	corev1 "k8s.io/api/core/v1"

	"github.com/gymline/gymline/internal/engine"
	"github.com/gymline/gymline/internal/experiment" //nolint:depguard // the tests plan the shipped configs
	"github.com/gymline/gymline/internal/golden"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/planner"
	"github.com/gymline/gymline/internal/store"
)

var formats = map[string]int{
	plan.JobGenerate: 1, plan.JobReward: 1, plan.JobExport: 1, plan.JobTrain: 1, plan.JobPredict: 1, plan.JobEvaluate: 1, plan.JobReport: 1,
}

// shipped plans a config of this repository, over inputs that only have digests.
func shipped(t *testing.T, name string, set ...string) *plan.Plan {
	t.Helper()
	file := filepath.Join("..", "..", "..", "configs", name+".yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	e, err := experiment.Load(file, data, experiment.Options{Set: set})
	if err != nil {
		t.Fatal(err)
	}
	inputs := map[string]store.Digest{}
	for name := range e.Spec.Inputs {
		inputs[name] = store.DigestOf([]byte(name))
	}
	p, err := planner.Plan(e, inputs, formats)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// config is what configs/profiles/argo.yaml amounts to.
func config() Config {
	return Config{
		Namespace: "gymline", Image: "gymline:dev", PullPolicy: "IfNotPresent",
		ServiceAccount: "gymline-job", ExecutorServiceAccount: "gymline-executor",
		Env: func(step *plan.Step) []engine.Variable {
			vars := []engine.Variable{
				{Name: "GYMLINE_STORE_ENDPOINT", Value: "http://minio.gymline.svc:9000"}, {Name: "GYMLINE_STORE_BUCKET", Value: "gymline"},
				{Name: "GYMLINE_STORE_PREFIX"}, {Name: "GYMLINE_STORE_REGION", Value: "us-east-1"},
				{Name: "AWS_ACCESS_KEY_ID", Secret: "MINIO_ACCESS_KEY"}, {Name: "AWS_SECRET_ACCESS_KEY", Secret: "MINIO_SECRET_KEY"},
			}
			if step != nil && step.Job == plan.JobPredict {
				vars = append([]engine.Variable{{Name: "OPENAI_API_KEY", Secret: "OPENAI_API_KEY"}}, vars...)
			}
			return vars
		},
		Secrets: map[string]SecretKey{
			"MINIO_ACCESS_KEY": {"gymline-store", "accessKey"}, "MINIO_SECRET_KEY": {"gymline-store", "secretKey"},
			"OPENAI_API_KEY": {"gymline-models", "openai"},
		},
		TrainerKeys: map[string]SecretKey{"AWS_ACCESS_KEY_ID": {"gymline-trainer", "accessKey"}, "AWS_SECRET_ACCESS_KEY": {"gymline-trainer", "secretKey"}},
		Pods:        200, Parallel: 2, Retries: 4, Backoff: time.Second, MaxBackoff: 30 * time.Second, Deadline: 24 * time.Hour,
		Resources: map[string]Resources{"default": {
			Requests: map[string]string{"cpu": "250m", "memory": "256Mi"}, Limits: map[string]string{"cpu": "1", "memory": "1Gi"},
		}},
		Draft: store.DigestOf([]byte("draft")),
	}
}

func nightly() *Schedule {
	return &Schedule{Cron: []string{"0 3 * * *"}, Timezone: "UTC", StartingDeadline: time.Hour}
}

// trainers are trainings that only a cluster does.
const trainers = `train={agent: {container: {image: 'example.com/trainer:v1', command: [/train, --epochs, "3"]}}, ` +
	`job: {base: Qwen/Qwen2.5-0.5B-Instruct, trainJob: {runtime: torch-distributed, image: 'example.com/trainer:v1', command: [torchrun, train.py], nodes: 2}}}`

func compile(t *testing.T, p *plan.Plan, c Config) *Manifests {
	t.Helper()
	m, err := Compile(p, c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func text(t *testing.T, m *Manifests) string {
	t.Helper()
	out, err := m.YAML()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// The manifests of the shipped configs are pinned, and pass our checks and Argo's.
func TestGolden(t *testing.T) {
	t.Parallel()
	suspend := func(c *Config) { c.Suspend = true }
	for _, test := range []struct {
		golden, config string
		set            []string
		change         func(*Config)
	}{
		{golden: "quickstart", config: "quickstart"},
		{golden: "proactivebench", config: "proactivebench"},
		{golden: "handoff", config: "handoff"},
		{golden: "handoff-suspend", config: "handoff", change: suspend},
		{golden: "handoff-trainers", config: "handoff", set: []string{trainers}, change: suspend},
		{golden: "nightly", config: "nightly", change: func(c *Config) {
			c.Schedule, c.SignKey, c.Secrets["TEAM_KEY"] = nightly(), "TEAM_KEY", SecretKey{"gymline-sign", "key"}
		}},
	} {
		t.Run(test.golden, func(t *testing.T) {
			t.Parallel()
			p, c := shipped(t, test.config, test.set...), config()
			if test.change != nil {
				test.change(&c)
			}
			m := compile(t, p, c)
			got := text(t, m)
			if err := Check(m, p, c); err != nil {
				t.Errorf("check: %v", err)
			}
			if err := validates(t, m); err != nil {
				t.Errorf("Argo refuses it: %v", err)
			}
			if text(t, m) != got {
				t.Error("Check changed the manifests")
			}
			if text(t, compile(t, p, c)) != got {
				t.Error("compiled again, the manifests differ")
			}
			golden.Check(t, filepath.Join("testdata", test.golden+".golden.yaml"), []byte(got))
		})
	}
}

// A command trains on the machine that runs gymline.
func TestCommandIsRefused(t *testing.T) {
	_, err := Compile(shipped(t, "handoff", `train={agent: {command: [python3, train.py]}}`), config())
	refused(t, err, "step train-agent: a command trains on the engine local alone")
}

// A TrainJob is never given the store's own keys.
func TestATrainJobWithoutKeysIsRefused(t *testing.T) {
	c := config()
	c.TrainerKeys = nil
	_, err := Compile(shipped(t, "handoff", trainers), c)
	refused(t, err, "step train-job: a TrainJob is not given the store's own keys")
}

// The manifests hold no data: their size does not depend on shards.
func TestSizeDoesNotDependOnShards(t *testing.T) {
	t.Parallel()
	masked := func(shards int) (string, int) {
		p, c := shipped(t, "quickstart", fmt.Sprint("generate.shards=", shards), "generate.scenes.count=10000"), config()
		c.Draft = store.DigestOf(fmt.Append(nil, shards))
		m := compile(t, p, c)
		if err := Check(m, p, c); err != nil {
			t.Errorf("%d shards: %v", shards, err)
		}
		out := strings.NewReplacer(m.Template.Name, "TEMPLATE", string(c.Draft), "DRAFT").Replace(text(t, m))
		return regexp.MustCompile(`[0-9]+`).ReplaceAllString(out, "N"), strings.Count(out, "\n")
	}
	one, few := masked(1)
	many, lines := masked(10_000)
	if one != many || few != lines {
		t.Errorf("the manifests of 1 shard and of 10,000 differ in more than numbers: %d and %d lines", few, lines)
	}
}

// Every shard is done, each by one pod.
func TestPodsCoverShards(t *testing.T) {
	for _, shards := range []int{1, 7, 200, 201, 10_000} {
		step := &plan.Step{Shards: shards}
		pods := Config{Pods: 200}.pods(step)
		seen := make([]int, shards)
		for pod := range pods {
			for shard := pod; shard < shards; shard += pods {
				seen[shard]++
			}
		}
		if pods > 200 || slices.ContainsFunc(seen, func(n int) bool { return n != 1 }) {
			t.Errorf("%d shards in %d pods: %v", shards, pods, seen)
		}
	}
}

// A scheduled run that asks models anew is opened and sealed as of its time, as this
// side writes it; a run that is asked for by hand has its occasion in the draft.
func TestScheduledOccasion(t *testing.T) {
	p, err := shipped(t, "nightly").AskAnew([]string{plan.AnewJudge}, "")
	if err != nil {
		t.Fatal(err)
	}
	c := config()
	if args := compile(t, p, c).template(openTemplate).Container.Args; slices.Contains(args, "--as-of") {
		t.Errorf("without a schedule: %q", args)
	}
	c.Schedule = nightly()
	m := compile(t, p, c)
	for _, name := range []string{openTemplate, sealTemplate} {
		for at, want := range map[string]string{"2026-01-02T03:04:05Z": "2026-01-02T03:04:05Z", "2026-07-02T00:04:05+05:45": "2026-07-01T18:19:05Z"} {
			args, err := json.Marshal(m.template(name).Container.Args)
			if err != nil {
				t.Fatal(err)
			}
			out, err := template.Replace(string(args), map[string]any{"workflow.scheduledTime": at, "workflow.status": "Succeeded"}, true)
			if err != nil || !strings.HasSuffix(out, fmt.Sprintf(`"--as-of",%q]`, want)) {
				t.Errorf("%s at %s: %s, %v", name, at, out, err)
			}
			scheduled, _ := time.Parse(time.RFC3339, at)
			if local := scheduled.UTC().Format(time.RFC3339); local != want {
				t.Errorf("here it is as of %s, there of %s", local, want)
			}
		}
	}
}

// The pods of a scheduled run and this side agree on its ID, in whatever zone
// Argo writes the time, and the store takes it.
func TestScheduledRun(t *testing.T) {
	p, c := shipped(t, "nightly"), config()
	c.Schedule = nightly()
	args, err := json.Marshal(compile(t, p, c).template("predict").Container.Args)
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]store.RunID{
		"2026-01-02T03:04:05Z":      "nightly-2026-01-02T030405Z",
		"2026-01-02T03:04:05+01:00": "nightly-2026-01-02T020405Z",
		"2026-01-01T22:04:05-05:00": "nightly-2026-01-02T030405Z",
		"2026-07-02T00:04:05+05:45": "nightly-2026-07-01T181905Z",
	} {
		// As Argo does: globals first, then what the template is given.
		out := string(args)
		for _, values := range []map[string]any{{"workflow.name": "nightly-1767323045", "workflow.scheduledTime": at}, {"inputs.parameters.shard": "0"}} {
			if out, err = template.Replace(out, values, true); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatal(err)
		}
		if local := engine.Args(string(want), p.Step("predict"), "0", 2); !slices.Equal(got, local) {
			t.Errorf("%s: a pod runs %q\nwant %q", at, got, local)
		}
		scheduled, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if id := ScheduledRun("nightly", scheduled); id != want {
			t.Errorf("%s: run %s, want %s", at, id, want)
		}
		if !regexp.MustCompile(`^[A-Za-z0-9._-]+$`).MatchString(string(want)) {
			t.Errorf("the store refuses %s", want)
		}
	}
}

// The key that signs runs reaches, by reference, the pods that open and seal a run, which do
// none of its work; and a Secret that is not there keeps neither from starting.
func TestWhichPodsSign(t *testing.T) {
	t.Parallel()
	p, c := shipped(t, "handoff", trainers), config()
	c.SignKey, c.Secrets["TEAM_KEY"] = "TEAM_KEY", SecretKey{"gymline-sign", "key"}
	var signing []string
	for _, of := range compile(t, p, c).Template.Spec.Templates {
		data, err := json.Marshal(of)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(data, []byte("gymline-sign")) && !bytes.Contains(data, []byte("TEAM_KEY")) {
			continue
		}
		signing = append(signing, of.Name)
		v := of.Container.Env[len(of.Container.Env)-1]
		if key := v.ValueFrom.SecretKeyRef; v.Name != "TEAM_KEY" || v.Value != "" || key.Name != "gymline-sign" || key.Key != "key" || !*key.Optional {
			t.Errorf("%s: %+v", of.Name, v)
		}
	}
	if want := []string{"open", "seal"}; !slices.Equal(signing, want) {
		t.Errorf("%q have the key, want %q", signing, want)
	}
}

// What webhooks want reaches, by reference, the pods that tell of a run, and no other.
func TestWhichPodsTell(t *testing.T) {
	t.Parallel()
	p := shipped(t, "handoff")
	c := config()
	c.Suspend = true
	c.Notify = []engine.Variable{{Name: "HOOK", Secret: "HOOK"}}
	c.Secrets["HOOK"] = SecretKey{"gymline-hooks", "slack"}
	c.Seal = []engine.Variable{{Name: "COLLECTOR", Secret: "COLLECTOR"}}
	c.Secrets["COLLECTOR"] = SecretKey{"gymline-otel", "endpoint"}
	m := compile(t, p, c)
	if err := Check(m, p, c); err != nil {
		t.Error(err)
	}
	var told []string
	for _, of := range m.Template.Spec.Templates {
		if of.Container == nil {
			continue
		}
		labelled := of.Metadata.Labels[labelToWebhooks] == "true"
		has := slices.ContainsFunc(of.Container.Env, func(v corev1.EnvVar) bool {
			return v.Name == "HOOK" && v.Value == "" && v.ValueFrom.SecretKeyRef.Name == "gymline-hooks" && v.ValueFrom.SecretKeyRef.Key == "slack"
		})
		if has != labelled {
			t.Errorf("%s: labelled %v, with the secret %v", of.Name, labelled, has)
		}
		if has {
			told = append(told, of.Name)
		}
		if slices.ContainsFunc(of.Container.Env, func(v corev1.EnvVar) bool { return v.Name == "COLLECTOR" }) != (of.Name == sealTemplate) {
			t.Errorf("%s: %+v", of.Name, of.Container.Env)
		}
	}
	if want := []string{"look-train-agent", "train-agent", "seal"}; !slices.Equal(told, want) {
		t.Errorf("%q tell, want %q", told, want)
	}
}
