package argo

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/util/template"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/gymline/gymline/internal/engine"
	"github.com/gymline/gymline/internal/plan"
)

// pieces make texts that Argo, kubelet, JSON or YAML might read.
var pieces = []string{
	"{{workflow.name}}", "{{=1+1}}", "{{", "}}", "{", "}", "{{inputs.parameters.shard}}", "{{pod.name}}", "{{workflow.labels.gymline/experiment}}",
	"$(GYMLINE_STORE_BUCKET)", "$(GYMLINE_BRACE)", "$$", "$", "$(", ")", "${HOME}", "$é", `"`, `\`, `\u007b`, "'", ": ", "#", " ", "\n", "<&>", "é", "x",
}

func anyText(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(6) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}

// kubelet replaces $(NAME) as the kubelet does, by the variables before one.
func kubelet(s string, vars map[string]string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		next := byte(0)
		if i+1 < len(s) {
			next = s[i+1]
		}
		end := strings.IndexByte(s[i:], ')')
		switch {
		case s[i] == '$' && next == '$':
			b.WriteByte('$')
			i++
		case s[i] == '$' && next == '(' && end > 0:
			name := s[i+2 : i+end]
			value, there := vars[name]
			if !there {
				value = "$(" + name + ")"
			}
			b.WriteString(value)
			i += end
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func environment(env []corev1.EnvVar) map[string]string {
	vars := map[string]string{}
	for _, v := range env {
		if v.ValueFrom == nil {
			vars[v.Name] = kubelet(v.Value, vars)
		}
	}
	return vars
}

// replaced is a template after all of Argo's replacements: with what the workflow
// has, what the template is given, and once more when its pod is made.
func replaced(t *testing.T, of *wfv1.Template) *wfv1.Template {
	t.Helper()
	global := map[string]any{
		"workflow.name": "x-1", "workflow.uid": "u", "workflow.status": "Succeeded", "workflow.scheduledTime": "2026-01-02T03:04:05Z",
		"workflow.labels.gymline/experiment": "x",
	}
	all := maps.Clone(global)
	all["inputs.parameters.shard"], all["pod.name"] = "0", "x-1-pod"
	out := string(must(json.Marshal(of)))
	for _, values := range []map[string]any{global, all, all} {
		out = must(template.Replace(out, values, true))
	}
	again := new(wfv1.Template)
	if err := json.Unmarshal([]byte(out), again); err != nil {
		t.Fatal(err)
	}
	return again
}

// Every text of a user's is in the pod as it was written, and is nobody's template.
func TestTextsArrive(t *testing.T) {
	t.Parallel()
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 3))
		c, value, secret := config(), anyText(r), engine.Variable{Name: "AWS_ACCESS_KEY_ID", Secret: "MINIO_ACCESS_KEY"}
		if seed%2 == 0 {
			c.Schedule = nightly()
		}
		c.Env = func(*plan.Step) []engine.Variable {
			return []engine.Variable{{Name: "GYMLINE_STORE_BUCKET", Value: "gymline"}, {Name: "GYMLINE_STORE_PREFIX", Value: value}, secret}
		}
		training := plan.Train{Name: "a", Kind: plan.TrainTrainJob, Deadline: "1h", Image: "example.com/t:v1", Runtime: "torch", Nodes: 1}
		training.Command, training.Base = []string{"/train", anyText(r), anyText(r)}, anyText(r)
		p := &plan.Plan{Version: plan.Version, Experiment: "x", Steps: []plan.Step{
			{Name: "generate", Job: plan.JobGenerate, Shards: 1}, {Name: "train-a", Job: plan.JobTrain, Shards: 1, Share: plan.Share{Params: must(json.Marshal(training))}},
		}}
		m := compile(t, p, c)
		for _, err := range []error{Check(m, p, c), validates(t, m)} {
			if err != nil {
				t.Fatalf("seed %d: %q, %q: %v", seed, value, training.Command, err)
			}
		}
		for _, name := range []string{"open", "seal", "generate", "train-a", "look-train-a"} {
			if got := environment(replaced(t, m.template(name)).Container.Env)["GYMLINE_STORE_PREFIX"]; got != value {
				t.Errorf("seed %d: %s has %q, want %q", seed, name, got, value)
			}
		}
		create := replaced(t, m.template("create-train-a")).Resource.Manifest
		var job struct {
			Metadata struct{ OwnerReferences []struct{ Name, UID string } }
			Spec     struct {
				Trainer struct {
					Command []string
					Env     []corev1.EnvVar
				}
			}
		}
		// Kubelet replaces in the variable that Argo's pod has the manifest in.
		if err := yaml.Unmarshal([]byte(kubelet(create, map[string]string{"GYMLINE_STORE_BUCKET": "wrong"})), &job); err != nil {
			t.Fatalf("seed %d: %v in %s", seed, err, create)
		}
		vars := environment(job.Spec.Trainer.Env)
		for i, word := range job.Spec.Trainer.Command {
			job.Spec.Trainer.Command[i] = kubelet(word, vars)
		}
		run := map[bool]string{true: "x-2026-01-02T030405Z", false: "x-1"}[c.Schedule != nil]
		if vars["GYMLINE_STORE_PREFIX"] != value || vars["GYMLINE_BASE"] != training.Base || vars["GYMLINE_RUN"] != run || !slices.Equal(job.Spec.Trainer.Command, training.Command) {
			t.Errorf("seed %d: the trainer has %q and %q\nwant %q of %q in %q", seed, vars, job.Spec.Trainer.Command, training.Command, value, run)
		}
		if o := job.Metadata.OwnerReferences; len(o) != 1 || o[0].Name != "x-1" || o[0].UID != "u" {
			t.Errorf("seed %d: it is owned by %v", seed, o)
		}
	}
}
