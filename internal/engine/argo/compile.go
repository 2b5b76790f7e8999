package argo

import (
	"encoding/json"
	"fmt"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

const apiVersion = "argoproj.io/v1alpha1"

// Names of templates that are no step's.
const (
	entrypoint   = "run"
	openTemplate = "open"
	sealTemplate = "seal"
)

// What goes ahead of a hand-off is named after its step. No step's name starts so.
const (
	lookPrefix   = "look-"   // whether the checkpoint is there already
	waitPrefix   = "wait-"   // the suspension until it is
	createPrefix = "create-" // the creation of a TrainJob
)

// Labels that Compile puts on its objects.
const (
	labelManaged    = "app.kubernetes.io/managed-by"
	labelExperiment = "gymline/experiment"
)

// Manifests are what a cluster needs to run a plan: the template, and either the
// Workflow or the CronWorkflow.
type Manifests struct {
	Template *wfv1.WorkflowTemplate
	Workflow *wfv1.Workflow
	Cron     *wfv1.CronWorkflow
}

// Compile lays a plan out for Argo.
func Compile(p *plan.Plan, c Config) (*Manifests, error) {
	b := &builder{plan: p, config: c, run: c.run(p.Experiment)}
	spec := wfv1.WorkflowSpec{
		Entrypoint: entrypoint, OnExit: sealTemplate,
		ServiceAccountName: c.ServiceAccount, AutomountServiceAccountToken: ptr.To(false),
		Executor:        &wfv1.ExecutorConfig{ServiceAccountName: c.ExecutorServiceAccount},
		SecurityContext: podSecurity(), PodSpecPatch: argoVolumes,
		Parallelism: ptr.To(int64(c.Parallel)),
	}
	if c.Schedule != nil {
		// Nights queue instead of overlapping, also when one is started by hand.
		spec.Synchronization = &wfv1.Synchronization{Mutexes: []*wfv1.Mutex{{Name: p.Experiment}}}
	}
	spec.Templates = append(spec.Templates, b.dag(), b.open())
	for i := range p.Steps {
		step, err := b.step(&p.Steps[i])
		if err != nil {
			return nil, err
		}
		spec.Templates = append(spec.Templates, step...)
	}
	spec.Templates = append(spec.Templates, b.seal())

	data, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", p.Experiment, err)
	}
	labels := map[string]string{labelManaged: "gymline", labelExperiment: p.Experiment}
	name := p.Experiment + "-" + string(store.DigestOf(data)[:10])
	m := &Manifests{Template: &wfv1.WorkflowTemplate{
		TypeMeta:   metav1.TypeMeta{APIVersion: apiVersion, Kind: "WorkflowTemplate"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: c.Namespace, Labels: labels},
		Spec:       spec,
	}}
	work := wfv1.WorkflowSpec{WorkflowTemplateRef: &wfv1.WorkflowTemplateRef{Name: name}}
	if s := c.Schedule; s != nil {
		m.Cron = &wfv1.CronWorkflow{
			TypeMeta:   metav1.TypeMeta{APIVersion: apiVersion, Kind: "CronWorkflow"},
			ObjectMeta: metav1.ObjectMeta{Name: p.Experiment, Namespace: c.Namespace, Labels: labels},
			Spec: wfv1.CronWorkflowSpec{
				WorkflowSpec: work, Schedules: s.Cron, Timezone: s.Timezone, ConcurrencyPolicy: wfv1.ForbidConcurrent,
				StartingDeadlineSeconds:    ptr.To(int64(s.StartingDeadline.Seconds())),
				SuccessfulJobsHistoryLimit: ptr.To(int32(7)), FailedJobsHistoryLimit: ptr.To(int32(7)),
				WorkflowMetadata: &metav1.ObjectMeta{Labels: labels},
			},
		}
		return m, nil
	}
	meta := metav1.ObjectMeta{GenerateName: p.Experiment + "-", Namespace: c.Namespace, Labels: labels}
	m.Workflow = &wfv1.Workflow{TypeMeta: metav1.TypeMeta{APIVersion: apiVersion, Kind: "Workflow"}, ObjectMeta: meta, Spec: work}
	return m, nil
}

// Name gives the Workflow the name of its run, in place of one that the cluster makes up.
func (m *Manifests) Name(id store.RunID) { m.Workflow.Name, m.Workflow.GenerateName = string(id), "" }

// YAML writes the manifests, template first.
func (m *Manifests) YAML() ([]byte, error) {
	var out []byte
	for i, object := range m.objects() {
		data, err := json.Marshal(object)
		if err != nil {
			return nil, err
		}
		var plain map[string]any
		if err := json.Unmarshal(data, &plain); err != nil {
			return nil, err
		}
		delete(plain, "status") // it is the cluster's
		dropNull(plain)
		text, err := yaml.Marshal(plain)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, "---\n"...)
		}
		out = append(out, text...)
	}
	return out, nil
}

func (m *Manifests) objects() []any {
	if m.Cron != nil {
		return []any{m.Template, m.Cron}
	}
	return []any{m.Template, m.Workflow}
}

// dropNull removes the nulls and empty objects that Kubernetes' types write for what is not set.
func dropNull(m map[string]any) {
	for key, value := range m {
		switch v := value.(type) {
		case nil:
			delete(m, key)
		case map[string]any:
			if dropNull(v); len(v) == 0 && key != "emptyDir" {
				delete(m, key)
			}
		case []any:
			for _, item := range v {
				if o, ok := item.(map[string]any); ok {
					dropNull(o)
				}
			}
		}
	}
}

type builder struct {
	plan   *plan.Plan
	config Config
	run    string
}

// dag has one task a step, which fans out by number.
func (b *builder) dag() wfv1.Template {
	tasks := []wfv1.DAGTask{{Name: openTemplate, Template: openTemplate}}
	for i := range b.plan.Steps {
		s := &b.plan.Steps[i]
		after := []string{openTemplate}
		if before := s.After(); len(before) > 0 {
			after = nil
			for _, name := range before {
				after = append(after, string(name))
			}
		}
		if ahead := b.ahead(s); ahead != "" {
			look := lookPrefix + string(s.Name)
			tasks = append(tasks,
				wfv1.DAGTask{Name: look, Template: look, Dependencies: after},
				wfv1.DAGTask{Name: ahead, Template: ahead, Dependencies: []string{look}, When: "{{tasks." + look + ".outputs.result}} == missing"})
			after = []string{ahead}
		}
		tasks = append(tasks, wfv1.DAGTask{
			Name: string(s.Name), Template: string(s.Name), Dependencies: after,
			WithSequence: &wfv1.Sequence{Count: ptr.To(intstr.FromString(fmt.Sprint(b.config.pods(s))))},
			Arguments:    wfv1.Arguments{Parameters: []wfv1.Parameter{{Name: "shard", Value: wfv1.AnyStringPtr("{{item}}")}}},
		})
	}
	return wfv1.Template{Name: entrypoint, DAG: &wfv1.DAGTemplate{Tasks: tasks}}
}

// ahead names the task that goes ahead of a step's own: the suspension that waits
// for an external checkpoint, or the creation of a TrainJob. "" is none.
func (b *builder) ahead(s *plan.Step) string {
	t, ok := training(s)
	switch {
	case ok && t.Kind == plan.TrainExternal && b.config.Suspend:
		return waitPrefix + string(s.Name)
	case ok && t.Kind == plan.TrainTrainJob:
		return createPrefix + string(s.Name)
	}
	return ""
}

// training returns the parameters of a step that is a hand-off.
func training(s *plan.Step) (plan.Train, bool) {
	var t plan.Train
	if s.Job != plan.JobTrain {
		return t, false
	}
	return t, json.Unmarshal(s.Params, &t) == nil
}

func (b *builder) open() wfv1.Template {
	t := b.pod(openTemplate, append([]string{"open", "--run", b.run, "--draft", string(b.config.Draft)}, b.asOf()...), nil)
	b.signs(&t)
	return t
}

// asOf gives a run of a schedule the occasion that it asks models anew as of.
func (b *builder) asOf() []string {
	if b.plan.Anew == nil || b.config.Schedule == nil {
		return nil
	}
	return []string{"--as-of", `{{=date(workflow.scheduledTime).UTC().Format('2006-01-02T15:04:05Z')}}`}
}

func (b *builder) seal() wfv1.Template {
	t := b.pod(sealTemplate, append([]string{"seal", "--run", b.run, "--draft", string(b.config.Draft), "--status", "{{workflow.status}}"}, b.asOf()...), nil)
	b.tells(&t, b.config.Seal)
	b.signs(&t)
	return t
}
