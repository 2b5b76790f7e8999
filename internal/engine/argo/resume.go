package argo

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
)

// Resuming may be lost when the controller writes at the same moment (Argo issue
// 12863): it is asked for again until a later look finds it done.
const resumeTries = 10

// resumePause is between two of them. Tests shorten it.
var resumePause = 2 * time.Second

// Resume sets a suspended run going again, verifies that it does, and returns
// what was suspended. step is one that waits, or "" for all of them; now tells
// the time that their waiting ended.
func (c *Client) Resume(ctx context.Context, id store.RunID, step store.StepName, now func() time.Time) ([]string, error) {
	var resumed []string // once it was asked for
	for try := 0; ; try++ {
		wf, err := c.find(ctx, id)
		if err != nil {
			return nil, err
		}
		waiting, patch, err := resumption(wf, func(name string) bool {
			return resumed == nil && (step == "" || name == string(step)) || slices.Contains(resumed, name)
		}, now())
		switch {
		case err != nil:
			return nil, err
		case waiting == nil && resumed == nil:
			return nil, fault.New(fault.Usage, fmt.Errorf("run %s is not suspended: it is %s", id, phase(string(wf.Status.Phase))), fmt.Sprintf("see 'gymline status %s'", id))
		case waiting == nil:
			return resumed, nil
		case try == resumeTries:
			return nil, fault.New(fault.Temporary, fmt.Errorf("run %s was asked %d times to resume and is still suspended at %s", id, resumeTries, strings.Join(waiting, ", ")),
				"is the workflow-controller running? try again")
		case resumed == nil:
			resumed = waiting
		}
		_, err = c.argo.Workflows(c.namespace).Patch(ctx, wf.Name, types.MergePatchType, patch, metav1.PatchOptions{})
		if err != nil && !kerrors.IsConflict(err) { // after a conflict it is read anew
			return nil, c.explain("resume workflow "+wf.Name, err)
		}
		select {
		case <-time.After(resumePause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// resumption names what of a Workflow is suspended and chosen, and returns the
// merge patch that sets it going as Argo's own resuming does: it holds for the
// version that was read, ends the suspended nodes, and forgets who acted before.
func resumption(wf *wfv1.Workflow, chosen func(name string) bool, at time.Time) (waiting []string, patch []byte, err error) {
	nodes, err := nodesOf(wf)
	if err != nil {
		return nil, nil, err
	}
	if waiting = slices.DeleteFunc(suspended(wf, nodes), func(name string) bool { return !chosen(name) }); len(waiting) == 0 {
		return nil, nil, nil
	}
	object := map[string]any{"metadata": map[string]any{"resourceVersion": wf.ResourceVersion, "labels": noActor}}
	if slices.Contains(waiting, whole) {
		object["spec"] = map[string]any{"suspend": nil}
	}
	nodes = maps.Clone(nodes)
	ended := map[string]any{}
	for id, n := range nodes {
		if !n.IsActiveSuspendNode() || !chosen(suspendedName(n)) {
			continue
		}
		n.Phase, n.FinishedAt = wfv1.NodeSucceeded, metav1.Time{Time: at.UTC()}
		change := map[string]any{"phase": n.Phase, "finishedAt": n.FinishedAt}
		if n.Outputs != nil {
			n.Outputs = n.Outputs.DeepCopy()
			if err := supply(&n); err != nil {
				return nil, nil, err
			}
			change["outputs"] = n.Outputs
		}
		nodes[id], ended[id] = n, change
	}
	switch {
	case len(ended) == 0:
	case len(wf.Status.Nodes) > 0:
		object["status"] = map[string]any{"nodes": ended}
	default:
		text, err := pack(nodes)
		if err != nil {
			return nil, nil, err
		}
		object["status"] = map[string]any{"compressedNodes": text}
	}
	patch, err = json.Marshal(object)
	return waiting, patch, err
}

// noActor takes away what Argo's server writes of who acted on a Workflow last.
var noActor = map[string]any{
	"workflows.argoproj.io/action": nil, "workflows.argoproj.io/actor": nil,
	"workflows.argoproj.io/actor-email": nil, "workflows.argoproj.io/actor-preferred-username": nil,
}

// supply gives the outputs that a suspension waits for their defaults.
func supply(n *wfv1.NodeStatus) error {
	for i := range n.Outputs.Parameters {
		p := &n.Outputs.Parameters[i]
		if p.ValueFrom == nil || p.ValueFrom.Supplied == nil {
			continue
		}
		if p.ValueFrom.Default == nil {
			return fault.New(fault.Usage, fmt.Errorf("node %s waits for a value of %s", n.Name, p.Name), "give it with 'argo node set'")
		}
		p.Value, p.ValueFrom = p.ValueFrom.Default, nil
	}
	return nil
}
