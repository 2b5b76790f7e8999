package argo

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
)

// The phases of a Workflow and of its pods that callers tell apart.
const (
	Pending   = "Pending"
	Running   = "Running"
	Succeeded = "Succeeded"
	Failed    = "Failed" // Argo's Error, too
)

// A State is what the cluster knows of a run.
type State struct {
	Workflow string `json:"workflow"`
	Phase    string `json:"phase"`
	Message  string `json:"message,omitempty"`
	// Stopping says that it was asked to stop; Suspended names the steps that wait
	// to be resumed, or "run" for all of it.
	Stopping  bool     `json:"stopping,omitempty"`
	Suspended []string `json:"suspended,omitempty"`
	Pods      []Pod    `json:"pods"`
	// Unread says why Pods and the steps in Suspended are not known, where Argo
	// keeps them in a database.
	Unread string `json:"unread,omitempty"`
}

// A Pod is one attempt at the shards of a step that one pod does: Shard, and every
// Stride-th after it.
type Pod struct {
	Step     string    `json:"step"` // or "open" or "seal"
	Shard    int       `json:"shard"`
	Stride   int       `json:"stride,omitempty"`
	Attempt  int       `json:"attempt"`        // from 1
	Name     string    `json:"name,omitempty"` // "" when it is gone
	Phase    string    `json:"phase"`
	Message  string    `json:"message,omitempty"`
	ExitCode int       `json:"exitCode,omitempty"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished,omitzero"`
	// Trainer says that a trainer speaks in a container of its own.
	Trainer bool `json:"trainer,omitempty"`
}

// Retried reports whether the end of a failed pod is one that is tried again.
func (p Pod) Retried() bool {
	return !p.Overfull() && slices.Contains([]int{-1, 0, fault.Temporary, fault.Interrupted, 137, 143}, p.ExitCode)
}

// Ended reports whether the phase is a last one.
func Ended(phase string) bool { return phase == Succeeded || phase == Failed }

// State reads what the cluster knows of a run. The error wraps ErrNoWorkflow
// when that is nothing.
func (c *Client) State(ctx context.Context, id store.RunID) (*State, error) {
	wf, err := c.find(ctx, id)
	if err != nil {
		return nil, err
	}
	nodes, unread := nodesOf(wf)
	if unread != nil && !wf.Status.IsOffloadNodeStatus() {
		return nil, unread
	}
	names, err := c.podNames(ctx, wf.Name, nodes)
	if err != nil {
		return nil, err
	}
	s := stateOf(wf, nodes, names)
	for i := range s.Pods {
		if p := &s.Pods[i]; p.Trainer && p.Phase == Pending && p.Name != "" {
			p.Message = cmp.Or(c.wait(ctx, p.Name), p.Message)
		}
	}
	if unread != nil {
		s.Unread = unread.Error()
	}
	return s, nil
}

// stateOf reads a Workflow's nodes, whose pods have these names, by node ID.
func stateOf(wf *wfv1.Workflow, nodes wfv1.Nodes, names map[string]string) *State {
	s := &State{
		Workflow: wf.Name, Phase: phase(string(wf.Status.Phase)), Message: wf.Status.Message,
		Stopping: wf.Spec.Shutdown != "", Pods: []Pod{}, Suspended: suspended(wf, nodes),
	}
	strides, trainers := templates(wf)
	for id, n := range nodes {
		if n.Type != wfv1.NodeTypePod {
			continue
		}
		p := Pod{
			Step: n.TemplateName, Stride: strides[n.TemplateName], Trainer: trainers[n.TemplateName], Attempt: attempt(n.Name), Phase: phase(string(n.Phase)), Message: n.Message,
			Name: names[id], Started: n.StartedAt.UTC(), Finished: n.FinishedAt.UTC(),
		}
		if n.Inputs != nil {
			if shard := n.Inputs.GetParameterByName("shard"); shard != nil && shard.Value != nil {
				p.Shard, _ = strconv.Atoi(shard.Value.String())
			}
		}
		if n.Outputs != nil && n.Outputs.ExitCode != nil {
			p.ExitCode, _ = strconv.Atoi(*n.Outputs.ExitCode)
		}
		s.Pods = append(s.Pods, p)
	}
	slices.SortFunc(s.Pods, func(a, b Pod) int {
		if d := a.Started.Compare(b.Started); d != 0 {
			return d
		}
		return cmp.Or(strings.Compare(a.Step, b.Step), a.Shard-b.Shard, a.Attempt-b.Attempt)
	})
	return s
}

// templates reads each step's stride from the arguments that its pods were given,
// and which steps have a trainer's container.
func templates(wf *wfv1.Workflow) (strides map[string]int, trainers map[string]bool) {
	strides, trainers = map[string]int{}, map[string]bool{}
	if wf.Status.StoredWorkflowSpec == nil {
		return strides, trainers
	}
	for _, t := range wf.Status.StoredWorkflowSpec.Templates {
		if t.Container == nil {
			continue
		}
		if i := slices.Index(t.Container.Args, "--stride"); i >= 0 && i+1 < len(t.Container.Args) {
			strides[t.Name], _ = strconv.Atoi(t.Container.Args[i+1])
		}
		trainers[t.Name] = slices.ContainsFunc(t.InitContainers, func(c wfv1.UserContainer) bool { return c.Name == trainerContainer })
	}
	return strides, trainers
}

// whole is a suspension of all of a run, beside those of its steps.
const whole = "run"

// suspended names what waits to be resumed.
func suspended(wf *wfv1.Workflow, nodes wfv1.Nodes) []string {
	var list []string
	if wf.Spec.Suspend != nil && *wf.Spec.Suspend {
		list = append(list, whole)
	}
	for _, n := range nodes {
		if n.IsActiveSuspendNode() {
			list = append(list, suspendedName(n))
		}
	}
	slices.Sort(list)
	return list
}

func suspendedName(n wfv1.NodeStatus) string { return strings.TrimPrefix(n.TemplateName, waitPrefix) }

func phase(of string) string {
	switch of {
	case "":
		return Pending
	case "Error":
		return Failed
	}
	return of
}

// attempt reads the number that Argo puts behind a retried node's name, "x(2)".
func attempt(node string) int {
	i := strings.LastIndexByte(node, '(')
	if i < 0 {
		return 1
	}
	n, err := strconv.Atoi(strings.TrimSuffix(node[i+1:], ")"))
	if err != nil {
		return 1
	}
	return n + 1
}
