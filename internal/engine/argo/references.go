package argo

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	k8svalidation "k8s.io/apimachinery/pkg/util/validation"
)

// checkReferences refuses a name that stands for nothing: of a template, a task,
// an argument or a variable. Argo's own validation, which the tests ask, would.
func (m *Manifests) checkReferences() error {
	var problems []error
	bad := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	spec := &m.Template.Spec
	templates := map[string]*wfv1.Template{}
	for i := range spec.Templates {
		t := &spec.Templates[i]
		if templates[t.Name] != nil {
			bad("two templates are named %s", t.Name)
		}
		templates[t.Name] = t
	}
	for _, name := range []string{spec.Entrypoint, spec.OnExit} {
		if t := templates[name]; t == nil {
			bad("there is no template %q to begin or end with", name)
		} else if len(t.Inputs.Parameters) > 0 {
			bad("template %s: nothing gives the parameter %s", name, t.Inputs.Parameters[0].Name)
		}
	}
	for i := range spec.Templates {
		t := &spec.Templates[i]
		switch {
		case t.DAG != nil && len(t.DAG.Tasks) > 0:
			problems = append(problems, m.checkTasks(t, templates))
		case t.Container == nil && t.Suspend == nil && t.Resource == nil:
			bad("template %s does nothing", t.Name)
		default:
			if err := checkVariables(t, m.scope(t)); err != nil {
				bad("template %s: %w", t.Name, err)
			}
		}
	}
	ref := m.work().WorkflowTemplateRef
	if ref == nil || ref.Name != m.Template.Name {
		bad("the Workflow does not name the WorkflowTemplate %s", m.Template.Name)
	}
	return errors.Join(problems...)
}

// work is the spec of the Workflow, or of those that the CronWorkflow starts.
func (m *Manifests) work() *wfv1.WorkflowSpec {
	if m.Cron != nil {
		return &m.Cron.Spec.WorkflowSpec
	}
	return &m.Workflow.Spec
}

// checkTasks wants each task of a DAG to come after what it depends on, as the
// steps of a plan do, and so finds cycles too.
func (m *Manifests) checkTasks(t *wfv1.Template, templates map[string]*wfv1.Template) error {
	var problems []error
	before := map[string][]string{} // of a task: all that it waits for
	prints := map[string]bool{}     // whether a task is a container, whose output is a result
	for i := range t.DAG.Tasks {
		task := &t.DAG.Tasks[i]
		bad := func(format string, args ...any) {
			problems = append(problems, fmt.Errorf("template %s: task %s: %w", t.Name, task.Name, fmt.Errorf(format, args...)))
		}
		if reason := k8svalidation.IsDNS1123Label(task.Name); reason != nil || strings.Trim(task.Name[:1], "0123456789") == "" {
			bad("a task's name starts with a letter and holds letters, digits and '-'")
		}
		if before[task.Name] != nil {
			bad("another task has the name")
		}
		waits := []string{}
		for _, name := range task.Dependencies {
			if before[name] == nil {
				bad("it depends on %s, which is no task before it", name)
			}
			waits = append(append(waits, name), before[name]...)
		}
		of := templates[task.Template]
		if of == nil {
			bad("there is no template %q", task.Template)
			of = new(wfv1.Template)
		}
		before[task.Name], prints[task.Name] = waits, of.Container != nil
		for _, in := range of.Inputs.Parameters {
			if given := task.Arguments.GetParameterByName(in.Name); in.Value == nil && (given == nil || given.Value == nil) {
				bad("it does not give the parameter %s of template %s", in.Name, of.Name)
			}
		}
		scope := m.scope(t)
		if task.WithSequence != nil {
			scope["item"] = true
		}
		for _, name := range waits {
			scope["tasks."+name+".outputs.result"] = prints[name]
		}
		if err := checkVariables(task, scope); err != nil {
			bad("%w", err)
		}
	}
	return errors.Join(problems...)
}

// scope holds the variables that Argo replaces in a template.
func (m *Manifests) scope(t *wfv1.Template) map[string]bool {
	scope := map[string]bool{}
	for _, name := range []string{
		"name", "namespace", "uid", "mainEntrypoint", "serviceAccountName", "status", "failures",
		"labels", "labels.json", "annotations", "annotations.json",
	} {
		scope["workflow."+name] = true
	}
	for name := range m.Template.Labels {
		scope["workflow.labels."+name] = true
	}
	for _, in := range t.Inputs.Parameters {
		scope["inputs.parameters"], scope["inputs.parameters."+in.Name] = true, true
	}
	scope["pod.name"] = t.Container != nil || t.Resource != nil
	return scope
}

// checked are the roots of the variables that have to be in scope. Argo leaves
// others as they are: they may be of another language. Of the open ones it looks
// at the start alone.
var (
	checked = []string{"item.", "steps.", "inputs.", "outputs.", "pod.", "workflow.", "tasks."}
	open    = []string{"outputs.", "workflow.creationTimestamp", "workflow.scheduledTime", "workflow.duration", "tasks.name", "steps.name"}
)

// checkVariables wants each {{variable}} in an object's texts to be in scope.
// What is within {{= }} is an expression, which Argo evaluates when it runs.
func checkVariables(object any, scope map[string]bool) error {
	data, err := json.Marshal(object)
	if err != nil {
		return err
	}
	var problems []error
	rest := string(data)
	for {
		_, after, found := strings.Cut(rest, "{{")
		if !found {
			return errors.Join(problems...)
		}
		tag, after, closed := strings.Cut(after, "}}")
		if !closed {
			return errors.Join(append(problems, fmt.Errorf("a {{ without }}, which Argo takes for a variable: %.40q", tag))...)
		}
		rest = after
		name := strings.TrimSpace(tag)
		starts := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
		if !strings.HasPrefix(tag, "=") && slices.ContainsFunc(checked, starts) && !slices.ContainsFunc(open, starts) && !scope[name] {
			problems = append(problems, fmt.Errorf("there is no variable {{%s}}", tag))
		}
	}
}
