package argo

import (
	"errors"
	"fmt"
	"time"

	"github.com/expr-lang/expr"
	"github.com/robfig/cron/v3"
	corev1 "k8s.io/api/core/v1"
	k8svalidation "k8s.io/apimachinery/pkg/util/validation"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
)

// Limits of Kubernetes' and Argo's names, in characters.
const (
	maxLabel = 63 // a Workflow's name is a label of its pods
	maxCron  = 52 // Argo appends 11 characters for each run
)

// Check refuses manifests that Kubernetes or Argo would not take or could not
// carry through, and says what to change. It needs no cluster: it is what Argo's
// own validation refuses and Compile can get wrong, what that validation misses,
// and a forecast of the object's size. The error is bad configuration and lists
// everything that is wrong.
func Check(m *Manifests, p *plan.Plan, c Config) error {
	var problems []error
	add := func(err error) {
		if err != nil {
			problems = append(problems, err)
		}
	}
	add(m.checkNames())
	add(m.checkSize(p, c))
	for i := range m.Template.Spec.Templates {
		add(checkTemplate(&m.Template.Spec.Templates[i]))
	}
	add(m.checkAccounts())
	add(m.checkCron())
	add(m.checkReferences())
	return fault.New(fault.Config, errors.Join(problems...), "correct the profile or the experiment; nothing was sent to the cluster")
}

func (m *Manifests) checkNames() error {
	var problems []error
	name := func(what, name string, most int) {
		if len(name) > most {
			problems = append(problems, fmt.Errorf("%s %s: the name has %d characters and Argo takes %d: shorten metadata.name", what, name, len(name), most))
		} else if bad := k8svalidation.IsDNS1123Label(name); bad != nil {
			problems = append(problems, fmt.Errorf("%s %q: %s", what, name, bad[0]))
		}
	}
	name("WorkflowTemplate", m.Template.Name, maxLabel)
	if m.Workflow != nil {
		name("Workflow", m.Workflow.Name+m.Workflow.GenerateName+generated(m.Workflow.GenerateName), maxLabel)
	}
	if m.Cron != nil {
		name("CronWorkflow", m.Cron.Name, maxCron)
	}
	for _, t := range m.Template.Spec.Templates {
		name("template", t.Name, maxLabel)
	}
	return errors.Join(problems...)
}

// generated stands for the five characters that Kubernetes appends.
func generated(prefix string) string {
	if prefix == "" {
		return ""
	}
	return "xxxxx"
}

// checkTemplate holds what Argo's validation lets through and then fails on.
func checkTemplate(t *wfv1.Template) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("template %s: %w", t.Name, fmt.Errorf(format, args...))
	}
	var problems []error
	if d := t.ActiveDeadlineSeconds; d != nil && d.IntValue() <= 0 {
		problems = append(problems, bad("a deadline of %s seconds: give spec.argo.deadline of the profile a minute or more", d.String()))
	}
	if t.Suspend != nil {
		if d, err := time.ParseDuration(t.Suspend.Duration + "s"); err != nil || d <= 0 {
			problems = append(problems, bad("a suspension of %q seconds", t.Suspend.Duration))
		}
	}
	if r := t.RetryStrategy; r != nil {
		if r.Limit == nil || r.Limit.IntValue() < 0 {
			problems = append(problems, bad("a retry limit below 0: give spec.retries.limit of the profile"))
		}
		if _, err := expr.Compile(r.Expression, expr.AsBool(), expr.Env(retryEnv)); err != nil && r.Expression != "" {
			problems = append(problems, bad("retry expression: %w", err))
		}
		if b := r.Backoff; b != nil {
			for _, d := range []string{b.Duration, b.Cap} {
				if _, err := time.ParseDuration(d); err != nil {
					problems = append(problems, bad("backoff: %w", err))
				}
			}
		}
	}
	if t.Container != nil {
		problems = append(problems, checkContainer(t, t.Container))
	}
	for i := range t.InitContainers {
		problems = append(problems, checkContainer(t, &t.InitContainers[i].Container))
	}
	return errors.Join(problems...)
}

// retryEnv is what Argo gives to a retry's expression.
var retryEnv = map[string]any{
	"asInt":     func(any) int { return 0 },
	"asFloat":   func(any) float64 { return 0 },
	"retries":   0,
	"lastRetry": map[string]string{"exitCode": "", "status": "", "duration": "", "message": ""},
}

func checkContainer(t *wfv1.Template, c *corev1.Container) error {
	var problems []error
	bad := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("template %s: %w", t.Name, fmt.Errorf(format, args...)))
	}
	if c.Image == "" {
		bad("no image")
	}
	if len(c.Command) == 0 {
		bad("no command: Argo would ask a registry for it")
	}
	for _, mount := range c.VolumeMounts {
		if !defines(t.Volumes, mount.Name) {
			bad("mounts the volume %s, which it does not define", mount.Name)
		}
	}
	for _, v := range c.Env {
		if v.ValueFrom == nil {
			continue
		}
		if key := v.ValueFrom.SecretKeyRef; key == nil || key.Name == "" || key.Key == "" {
			bad("%s has no Kubernetes Secret: name it under spec.argo.secrets of the profile", v.Name)
		}
	}
	return errors.Join(problems...)
}

func defines(volumes []corev1.Volume, name string) bool {
	for _, v := range volumes {
		if v.Name == name {
			return true
		}
	}
	return false
}

func (m *Manifests) checkAccounts() error {
	s := m.Template.Spec
	if s.ServiceAccountName == "" || s.Executor == nil || s.Executor.ServiceAccountName == "" {
		return errors.New("no service account: name serviceAccount and executorServiceAccount under spec.argo of the profile")
	}
	return nil
}

func (m *Manifests) checkCron() error {
	if m.Cron == nil {
		return nil
	}
	s := m.Cron.Spec
	if len(s.Schedules) == 0 {
		return errors.New("a CronWorkflow without a schedule: give spec.schedule.cron")
	}
	var problems []error
	for _, line := range s.Schedules {
		if _, err := cron.ParseStandard(line); err != nil {
			problems = append(problems, fmt.Errorf("schedule %q: %w", line, err))
		}
	}
	if _, err := time.LoadLocation(s.Timezone); err != nil {
		problems = append(problems, fmt.Errorf("timezone %q: %w", s.Timezone, err))
	}
	if s.StartingDeadlineSeconds != nil && *s.StartingDeadlineSeconds < 60 {
		problems = append(problems, fmt.Errorf("a starting deadline of %d seconds would miss starts: give a minute or more", *s.StartingDeadlineSeconds))
	}
	return errors.Join(problems...)
}
