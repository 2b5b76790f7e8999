package argo

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/workflow/packer"
	wfutil "github.com/argoproj/argo-workflows/v3/workflow/util"

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
}

// A Pod is one attempt at the shards of a step that one pod does: Shard, and every
// Stride-th after it.
type Pod struct {
	Step     string    `json:"step"` // or "open" or "seal"
	Shard    int       `json:"shard"`
	Stride   int       `json:"stride,omitempty"`
	Attempt  int       `json:"attempt"` // from 1
	Name     string    `json:"name"`
	Phase    string    `json:"phase"`
	Message  string    `json:"message,omitempty"`
	ExitCode int       `json:"exitCode,omitempty"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished,omitzero"`
}

// Retried reports whether the end of a failed pod is one that is tried again.
func (p Pod) Retried() bool {
	return slices.Contains([]int{-1, 0, fault.Temporary, fault.Interrupted, 137, 143}, p.ExitCode)
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
	return stateOf(wf)
}

func stateOf(wf *wfv1.Workflow) (*State, error) {
	if err := packer.DecompressWorkflow(wf); err != nil {
		return nil, err
	}
	s := &State{
		Workflow: wf.Name, Phase: phase(string(wf.Status.Phase)), Message: wf.Status.Message,
		Stopping: wf.Spec.Shutdown != "", Pods: []Pod{}, Suspended: suspended(wf),
	}
	strides := strides(wf)
	for _, n := range wf.Status.Nodes {
		if n.Type != wfv1.NodeTypePod {
			continue
		}
		p := Pod{
			Step: n.TemplateName, Stride: strides[n.TemplateName], Attempt: attempt(n.Name), Phase: phase(string(n.Phase)), Message: n.Message,
			Name:    wfutil.GeneratePodName(wf.Name, n.Name, n.TemplateName, n.ID, wfutil.GetWorkflowPodNameVersion(wf)),
			Started: n.StartedAt.UTC(), Finished: n.FinishedAt.UTC(),
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
		return strings.Compare(a.Name, b.Name)
	})
	return s, nil
}

// strides reads each step's stride from the arguments that its pods were given.
func strides(wf *wfv1.Workflow) map[string]int {
	list := map[string]int{}
	if wf.Status.StoredWorkflowSpec == nil {
		return list
	}
	for _, t := range wf.Status.StoredWorkflowSpec.Templates {
		if t.Container == nil {
			continue
		}
		if i := slices.Index(t.Container.Args, "--stride"); i >= 0 && i+1 < len(t.Container.Args) {
			list[t.Name], _ = strconv.Atoi(t.Container.Args[i+1])
		}
	}
	return list
}

// suspended names what waits to be resumed.
func suspended(wf *wfv1.Workflow) []string {
	var list []string
	if wf.Spec.Suspend != nil && *wf.Spec.Suspend {
		list = append(list, "run")
	}
	for _, n := range wf.Status.Nodes {
		if n.IsActiveSuspendNode() {
			list = append(list, strings.TrimPrefix(n.TemplateName, waitPrefix))
		}
	}
	slices.Sort(list)
	return list
}

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
