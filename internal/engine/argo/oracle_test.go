package argo

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/workflow/templateresolution"
	"github.com/argoproj/argo-workflows/v3/workflow/validate"
	corev1 "k8s.io/api/core/v1"

	"github.com/gymline/gymline/internal/engine"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// validating is held while Argo validates, which counts in a variable of its package.
var validating sync.Mutex

// validates asks Argo's own validation, which is no part of the product.
func validates(t *testing.T, m *Manifests) error {
	validating.Lock()
	defer validating.Unlock()
	none := &templateresolution.NullClusterWorkflowTemplateGetter{}
	templates := served{m.Template}
	if err := validate.ValidateWorkflowTemplate(templates, none, reread(t, m.Template), nil, validate.ValidateOpts{Submit: true}); err != nil {
		return fmt.Errorf("WorkflowTemplate: %w", err)
	}
	if m.Cron != nil {
		return validate.ValidateCronWorkflow(t.Context(), templates, none, reread(t, m.Cron), nil)
	}
	return validate.ValidateWorkflow(templates, none, reread(t, m.Workflow), nil, validate.ValidateOpts{Submit: true})
}

// served is a cluster that has one WorkflowTemplate.
type served struct{ template *wfv1.WorkflowTemplate }

func (s served) Get(name string) (*wfv1.WorkflowTemplate, error) {
	if name != s.template.Name {
		return nil, fmt.Errorf("there is no WorkflowTemplate %s", name)
	}
	return s.template.DeepCopy(), nil
}

// reread is an object as the cluster has it; validation writes into what it gets.
func reread[T any](t *testing.T, object *T) *T {
	t.Helper()
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	again := new(T)
	if err := json.Unmarshal(data, again); err != nil {
		t.Fatal(err)
	}
	return again
}

// textsOf are what users can write where it ends up in a manifest.
var textsOf = []string{
	"plain", "", "{{workflow.name}}", "{{ workflow.name }}", "{{workflow.nmae}}", "{{ user }}", "{{.Values.x}}", "{{=1+1}}", "{{=asInt(}}",
	"{{inputs.parameters.shard}}", "{{inputs.parameters.other}}", "{{item}}", "{{item.x}}", "{{pod.name}}", "{{workflow.parameters.x}}",
	"{{tasks.open.outputs.result}}", "{{tasks.name}}", "{{workflow.status}}", "{{workflow.creationTimestamp}}", "{{workflow.labels.gymline/experiment}}",
	"{{workflow.scheduledTime}}", "{{outputs.parameters.x}}", "{{steps.a.ip}}", "unclosed {{ here", "closed }} first", "{{{{workflow.name}}}}",
	"{{workflow.uid}}{{workflow.gid}}", "{{retries}}", "{{lastRetry.exitCode}}", "{{workflow.priority}}", "tab\t\"quote\" {{workflow.name}}\n",
}

// anyPlan is a plan of random steps, trainings and texts, and how it is laid out.
func anyPlan(r *rand.Rand, texts func() string) (*plan.Plan, Config) {
	c := config()
	c.Pods, c.Suspend = 1+r.IntN(20), r.IntN(2) == 0
	if r.IntN(3) == 0 {
		c.Schedule = nightly()
	}
	value := texts()
	c.Env = func(*plan.Step) []engine.Variable {
		return []engine.Variable{{Name: "TEXT", Value: value}, {Name: "AWS_ACCESS_KEY_ID", Secret: "MINIO_ACCESS_KEY"}}
	}
	p := &plan.Plan{Version: plan.Version, Experiment: fmt.Sprint("any-", r.IntN(1000))}
	for i := range 1 + r.IntN(7) {
		s := plan.Step{Name: store.StepName(fmt.Sprint("step-", i)), Job: plan.JobGenerate, Shards: 1 + r.IntN(500)}
		for _, before := range p.Steps {
			if r.IntN(3) == 0 {
				s.Inputs = append(s.Inputs, plan.Input{Name: "in", Step: before.Name, Output: "out"})
			}
		}
		if i > 0 && r.IntN(3) == 0 {
			training := plan.Train{Name: fmt.Sprint("t", i), Kind: []string{plan.TrainExternal, plan.TrainContainer, plan.TrainTrainJob}[r.IntN(3)], Deadline: "1h"}
			training.Image, training.Command = "example.com/trainer:v1", []string{"/train", texts()}
			training.Runtime, training.Base, training.Nodes = "torch", texts(), 1+r.IntN(4)
			s.Job, s.Shards, s.Params = plan.JobTrain, 1, must(json.Marshal(training))
		}
		p.Steps = append(p.Steps, s)
	}
	return p, c
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Whatever the plan and its texts, both Check and Argo take the manifests.
func TestArgoAgreesOnPlans(t *testing.T) {
	t.Parallel()
	for seed := range uint64(80) {
		r := rand.New(rand.NewPCG(seed, 1))
		p, c := anyPlan(r, func() string { return textsOf[r.IntN(len(textsOf))] })
		m := compile(t, p, c)
		if err := Check(m, p, c); err != nil {
			t.Fatalf("seed %d: Check: %v", seed, err)
		}
		if err := validates(t, m); err != nil {
			t.Fatalf("seed %d: Argo: %v", seed, err)
		}
		for _, task := range m.template(entrypoint).DAG.Tasks {
			if task.When != "" && strings.Contains(text(t, m), "{{tasks."+task.Name+".") {
				t.Errorf("seed %d: what %s puts out is read, and it may be skipped", seed, task.Name)
			}
		}
	}
}

// breaks are ways in which a wrong Compile would break a manifest. Each changes
// something, somewhere, and need not be fatal.
var breaks = []func(*rand.Rand, *Manifests){
	func(r *rand.Rand, m *Manifests) { anyTask(r, m).Template = anyName(r, m) },
	func(r *rand.Rand, m *Manifests) { anyTask(r, m).Name = anyName(r, m) },
	func(r *rand.Rand, m *Manifests) { anyTask(r, m).Dependencies = []string{anyName(r, m)} },
	func(r *rand.Rand, m *Manifests) {
		task := anyTask(r, m)
		task.Dependencies = append(task.Dependencies, anyTask(r, m).Name)
	},
	func(r *rand.Rand, m *Manifests) { anyTask(r, m).Arguments = wfv1.Arguments{} },
	func(r *rand.Rand, m *Manifests) { anyTask(r, m).WithSequence = nil },
	func(r *rand.Rand, m *Manifests) {
		anyTask(r, m).When = "{{tasks." + anyName(r, m) + ".outputs.result}} == missing"
	},
	func(r *rand.Rand, m *Manifests) { anyTask(r, m).When = textsOf[r.IntN(len(textsOf))] },
	func(r *rand.Rand, m *Manifests) { anyTemplate(r, m).Name = anyName(r, m) },
	func(r *rand.Rand, m *Manifests) { anyTemplate(r, m).Inputs.Parameters = nil },
	func(r *rand.Rand, m *Manifests) {
		anyTemplate(r, m).Inputs.Parameters = []wfv1.Parameter{{Name: "shard"}}
	},
	func(r *rand.Rand, m *Manifests) { *anyTemplate(r, m) = wfv1.Template{Name: anyName(r, m)} },
	func(r *rand.Rand, m *Manifests) {
		if c := anyTemplate(r, m).Container; c != nil {
			c.Env = append(c.Env, corev1.EnvVar{Name: "X", Value: textsOf[r.IntN(len(textsOf))]})
		}
	},
	func(r *rand.Rand, m *Manifests) {
		list := m.Template.Spec.Templates
		m.Template.Spec.Templates = slices.Delete(list, len(list)-1, len(list))
	},
	func(r *rand.Rand, m *Manifests) { m.Template.Spec.Entrypoint = anyName(r, m) },
	func(r *rand.Rand, m *Manifests) { m.Template.Spec.OnExit = anyName(r, m) },
	func(r *rand.Rand, m *Manifests) { m.work().WorkflowTemplateRef.Name = "other" },
	func(r *rand.Rand, m *Manifests) { m.work().WorkflowTemplateRef = nil },
	func(r *rand.Rand, m *Manifests) { m.template(entrypoint).DAG.Tasks = nil },
	func(r *rand.Rand, m *Manifests) { slices.Reverse(m.template(entrypoint).DAG.Tasks) },
}

func anyTask(r *rand.Rand, m *Manifests) *wfv1.DAGTask {
	for i := range m.Template.Spec.Templates {
		if t := &m.Template.Spec.Templates[i]; t.DAG != nil && len(t.DAG.Tasks) > 0 {
			return &t.DAG.Tasks[r.IntN(len(t.DAG.Tasks))]
		}
	}
	return new(wfv1.DAGTask)
}

func anyTemplate(r *rand.Rand, m *Manifests) *wfv1.Template {
	return &m.Template.Spec.Templates[r.IntN(len(m.Template.Spec.Templates))]
}

func anyName(r *rand.Rand, m *Manifests) string {
	if r.IntN(4) > 0 {
		return anyTemplate(r, m).Name
	}
	return []string{"nowhere", "", "0digit", "Under_score", "{{workflow.name}}"}[r.IntN(5)]
}

// A manifest that Argo would refuse is refused by Check, however Compile might
// go wrong. Check is stricter: it wants tasks in order, for one.
func TestArgoRefusesNoMore(t *testing.T) {
	t.Parallel()
	argosRefused := make([]int, len(breaks))
	for seed := range uint64(160) {
		r := rand.New(rand.NewPCG(seed, 2))
		p, c := anyPlan(r, func() string { return "plain" })
		m := compile(t, p, c)
		kind := int(seed) % len(breaks)
		breaks[kind](r, m)
		ours, argos := Check(m, p, c), validates(t, m)
		if argos != nil {
			argosRefused[kind]++
		}
		if ours == nil && argos != nil {
			t.Errorf("seed %d, break %d: Argo alone refuses: %v", seed, kind, argos)
		}
	}
	t.Log("refused by Argo, by break:", argosRefused)
	idle := 0
	for _, n := range argosRefused {
		if n == 0 {
			idle++
		}
	}
	if idle > 3 { // a reversed order, and what is stricter here alone
		t.Errorf("%d kinds of break are never refused by Argo: %v", idle, argosRefused)
	}
}
