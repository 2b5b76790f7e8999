package argo

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/gymline/gymline/internal/engine"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// refused reports an error that is no bad configuration, or lacks a text.
func refused(t *testing.T, err error, want ...string) {
	t.Helper()
	if code := fault.Code(err); code != fault.Config {
		t.Errorf("exit code %d, want %d: %v", code, fault.Config, err)
		return
	}
	if fault.Hint(err) == "" {
		t.Errorf("no hint: %v", err)
	}
	for _, text := range want {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("the error lacks %q:\n%v", text, err)
		}
	}
}

// steps makes a plan of n more steps with that many shards.
func steps(p *plan.Plan, n, shards int) *plan.Plan {
	first := p.Steps[0]
	for i := range n {
		s := first
		s.Name, s.Shards = store.StepName(fmt.Sprint("more-", i)), shards
		p.Steps = append(p.Steps, s)
	}
	return p
}

// What neither Kubernetes nor Argo would carry through is refused beforehand,
// with what to change.
func TestCheck(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long-", 10) // 50 characters
	for _, test := range []struct {
		name   string
		config func(*Config)
		plan   func(*plan.Plan)
		mutate func(*Manifests)
		want   []string
	}{
		{
			name: "many pods", config: func(c *Config) { c.Pods = 1000 }, plan: func(p *plan.Plan) { steps(p, 12, 10_000) },
			want: []string{"a Workflow of 24", "nodes: the chance that Argo confuses two of them is", "1% is allowed", "compressed, and Argo holds 699050", "lower spec.argo.pods of the profile, now 1000"},
		},
		{
			name: "many steps", plan: func(p *plan.Plan) { steps(p, 40, 10_000) },
			want: []string{"nodes", "lower spec.argo.pods of the profile, now 200"},
		},
		{
			name: "long names", plan: func(p *plan.Plan) { p.Experiment = long + "experiment" },
			want: []string{"WorkflowTemplate " + long, "the name has 71 characters and Argo takes 63: shorten metadata.name", "Workflow " + long},
		},
		{
			name: "long name of a run", mutate: func(m *Manifests) { m.Name(store.RunID(long + "experiment-1234")) },
			want: []string{"Workflow " + long, "65 characters and Argo takes 63: shorten metadata.name"},
		},
		{
			name: "long name of a schedule", config: func(c *Config) { c.Schedule = nightly() }, plan: func(p *plan.Plan) { p.Experiment = long + "lon" },
			want: []string{"CronWorkflow " + long, "53 characters and Argo takes 52: shorten metadata.name"},
		},
		{
			name: "bad name", plan: func(p *plan.Plan) { p.Experiment = "Upper_case" },
			want: []string{`Workflow "Upper_case-xxxxx": a lowercase RFC 1123 label must consist of`},
		},
		{
			name: "negative deadline", config: func(c *Config) { c.Deadline = -time.Minute },
			want: []string{"template predict: a deadline of -60 seconds: give spec.argo.deadline"},
		},
		{
			name: "negative limit", config: func(c *Config) { c.Retries = -1 },
			want: []string{"template open: a retry limit below 0: give spec.retries.limit"},
		},
		{
			name: "no limit", mutate: func(m *Manifests) { m.template("seal").RetryStrategy.Limit = nil },
			want: []string{"template seal: a retry limit below 0: give spec.retries.limit"},
		},
		{
			name:   "bad retry expression",
			mutate: func(m *Manifests) { m.template("predict").RetryStrategy.Expression = "lastRetry.exitcode in [75" },
			want:   []string{"template predict: retry expression: "},
		},
		{
			name:   "retry expression that is no answer",
			mutate: func(m *Manifests) { m.template("predict").RetryStrategy.Expression = "asInt(lastRetry.exitCode)" },
			want:   []string{"template predict: retry expression: expected bool"},
		},
		{
			name:   "backoff",
			mutate: func(m *Manifests) { m.template("predict").RetryStrategy.Backoff.Cap = "soon" },
			want:   []string{`template predict: backoff: time: invalid duration "soon"`},
		},
		{
			name: "negative suspension",
			mutate: func(m *Manifests) {
				m.Template.Spec.Templates = append(m.Template.Spec.Templates, wfv1.Template{Name: "x-wait", Suspend: &wfv1.SuspendTemplate{Duration: "-5"}})
			},
			want: []string{`template x-wait: a suspension of "-5" seconds`},
		},
		{
			name: "undefined volume",
			mutate: func(m *Manifests) {
				c := m.template("report").Container
				c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "data", MountPath: "/data"})
			},
			want: []string{"template report: mounts the volume data, which it does not define"},
		},
		{
			name:   "undefined volume of an init container",
			plan:   nil,
			mutate: func(m *Manifests) { initContainer(m).VolumeMounts[0].Name = "data" },
			want:   []string{"template report: mounts the volume data, which it does not define"},
		},
		{
			name: "no command", mutate: func(m *Manifests) { m.template("open").Container.Command = nil },
			want: []string{"template open: no command: Argo would ask a registry for it"},
		},
		{
			name: "no image", config: func(c *Config) { c.Image = "" },
			want: []string{"template open: no image"},
		},
		{
			name: "no service account", config: func(c *Config) { c.ServiceAccount = "" },
			want: []string{"no service account: name serviceAccount and executorServiceAccount under spec.argo of the profile"},
		},
		{
			name: "no service account of the executor", config: func(c *Config) { c.ExecutorServiceAccount = "" },
			want: []string{"no service account: name serviceAccount and executorServiceAccount"},
		},
		{
			name: "no secret", config: func(c *Config) { delete(c.Secrets, "MINIO_SECRET_KEY") },
			want: []string{"template seal: AWS_SECRET_ACCESS_KEY has no Kubernetes Secret: name it under spec.argo.secrets of the profile"},
		},
		{
			name: "no cron", config: func(c *Config) { c.Schedule = nightly(); c.Schedule.Cron = nil },
			want: []string{"a CronWorkflow without a schedule: give spec.schedule.cron"},
		},
		{
			name: "bad cron", config: func(c *Config) { c.Schedule = nightly(); c.Schedule.Cron = []string{"0 3 * *"} },
			want: []string{`schedule "0 3 * *": expected exactly 5 fields`},
		},
		{
			name: "bad timezone", config: func(c *Config) { c.Schedule = nightly(); c.Schedule.Timezone = "Mars/Olympus" },
			want: []string{`timezone "Mars/Olympus": unknown time zone`},
		},
		{
			name: "short starting deadline", config: func(c *Config) { c.Schedule = nightly(); c.Schedule.StartingDeadline = time.Second },
			want: []string{"a starting deadline of 1 seconds would miss starts: give a minute or more"},
		},
		{
			name: "large manifest", config: func(c *Config) {
				env := c.Env
				c.Env = func(s *plan.Step) []engine.Variable {
					vars := env(s)
					for i := range 800 {
						vars = append(vars, engine.Variable{Name: fmt.Sprint("VARIABLE_", i), Value: strings.Repeat("x", 200)})
					}
					return vars
				}
			},
			want: []string{"a manifest of ", "bytes, and Argo holds 699050: use fewer candidates, trainings or environment variables"},
		},
		// What Argo's own validation refuses, too.
		{
			name:   "no such template",
			mutate: func(m *Manifests) { m.template("run").DAG.Tasks[1].Template = "nowhere" },
			want:   []string{`template run: task predict: there is no template "nowhere"`},
		},
		{
			name:   "no such task",
			mutate: func(m *Manifests) { m.template("run").DAG.Tasks[1].Dependencies = []string{"nobody"} },
			want:   []string{"template run: task predict: it depends on nobody, which is no task before it"},
		},
		{
			name:   "no such variable",
			mutate: func(m *Manifests) { m.template("predict").Container.Args[3] = "{{workflow.nmae}}" },
			want:   []string{"template predict: there is no variable {{workflow.nmae}}"},
		},
		{
			name:   "no such WorkflowTemplate",
			mutate: func(m *Manifests) { m.Workflow.Spec.WorkflowTemplateRef.Name = "other" },
			want:   []string{"the Workflow does not name the WorkflowTemplate nightly-"},
		},
		{
			name: "no such WorkflowTemplate of a schedule", config: func(c *Config) { c.Schedule = nightly() },
			mutate: func(m *Manifests) { m.Cron.Spec.WorkflowSpec.WorkflowTemplateRef.Name = "other" },
			want:   []string{"the Workflow does not name the WorkflowTemplate nightly-"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p, c := shipped(t, "nightly"), config()
			if test.config != nil {
				test.config(&c)
			}
			if test.plan != nil {
				test.plan(p)
			}
			m := compile(t, p, c)
			if test.mutate != nil {
				test.mutate(m)
			}
			refused(t, Check(m, p, c), test.want...)
		})
	}
}

// initContainer gives the report's template a container that comes first.
func initContainer(m *Manifests) *corev1.Container {
	t := m.template("report")
	c := *t.Container
	c.Name, c.VolumeMounts = "first", []corev1.VolumeMount{{MountPath: "/data"}}
	t.InitContainers = []wfv1.UserContainer{{Container: c}}
	return &t.InitContainers[0].Container
}

// All that is wrong is told at once.
func TestCheckTellsAll(t *testing.T) {
	p, c := shipped(t, "nightly"), config()
	c.ServiceAccount, c.Deadline = "", -time.Second
	m := compile(t, p, c)
	m.template("seal").ActiveDeadlineSeconds = ptr.To(intstr.FromInt32(0))
	refused(t, Check(m, p, c), "no service account", "template open: a deadline of -1 seconds", "template seal: a deadline of 0 seconds")
}

// The bounds leave room for what the shipped profile allows.
func TestCheckLetsPass(t *testing.T) {
	t.Parallel()
	p, c := shipped(t, "quickstart", "generate.shards=10000", "generate.scenes.count=10000"), config()
	c.Pods = 1000
	if err := Check(compile(t, p, c), p, c); err != nil {
		t.Error(err)
	}
	if n := len(forecast(p, c)); n < 2000 || n > 2100 {
		t.Errorf("%d nodes are foreseen", n)
	}
	if chance := collision(9291); chance < 0.0099 || chance > 0.0101 {
		t.Errorf("9,291 hashes collide with a chance of %v", chance)
	}
}

// template returns the template of that name, or nil.
func (m *Manifests) template(name string) *wfv1.Template {
	i := slices.IndexFunc(m.Template.Spec.Templates, func(t wfv1.Template) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return &m.Template.Spec.Templates[i]
}
