package argo

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/util/file"
	"github.com/argoproj/argo-workflows/v3/workflow/packer"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
)

func at(second int) metav1.Time {
	return metav1.Time{Time: time.Date(2026, 1, 2, 3, 4, second, 0, time.UTC)}
}

// underWay is a Workflow as the controller writes it: a step whose shard 1 was
// tried twice, and a suspension.
func underWay() *wfv1.Workflow {
	wf := &wfv1.Workflow{
		ObjectMeta: metav1.ObjectMeta{Name: "handoff-3", Namespace: "gymline", Labels: map[string]string{labelManaged: "gymline", labelExperiment: "handoff"}},
		Status:     wfv1.WorkflowStatus{Phase: wfv1.WorkflowRunning, Nodes: wfv1.Nodes{}},
	}
	add := func(name, template string, kind wfv1.NodeType, phase wfv1.NodePhase, n wfv1.NodeStatus) {
		n.ID, n.Name, n.TemplateName, n.Type, n.Phase = wf.NodeID(name), name, template, kind, phase
		wf.Status.Nodes[n.ID] = n
	}
	shard := func(n string) *wfv1.Inputs {
		return &wfv1.Inputs{Parameters: []wfv1.Parameter{{Name: "shard", Value: wfv1.AnyStringPtr(n)}}}
	}
	add("handoff-3", "run", wfv1.NodeTypeDAG, wfv1.NodeRunning, wfv1.NodeStatus{})
	add("handoff-3.open", "open", wfv1.NodeTypeRetry, wfv1.NodeSucceeded, wfv1.NodeStatus{})
	add("handoff-3.open(0)", "open", wfv1.NodeTypePod, wfv1.NodeSucceeded, wfv1.NodeStatus{StartedAt: at(1), FinishedAt: at(2)})
	add("handoff-3.generate", "generate", wfv1.NodeTypeTaskGroup, wfv1.NodeRunning, wfv1.NodeStatus{})
	add("handoff-3.generate(1:1)", "generate", wfv1.NodeTypeRetry, wfv1.NodeRunning, wfv1.NodeStatus{Inputs: shard("1")})
	add("handoff-3.generate(1:1)(0)", "generate", wfv1.NodeTypePod, wfv1.NodeError, wfv1.NodeStatus{
		Inputs: shard("1"), StartedAt: at(3), FinishedAt: at(4), Message: "pod deleted", Outputs: &wfv1.Outputs{ExitCode: ptr.To("137")},
	})
	add("handoff-3.generate(1:1)(1)", "generate", wfv1.NodeTypePod, wfv1.NodeRunning, wfv1.NodeStatus{Inputs: shard("1"), StartedAt: at(5)})
	add("handoff-3.create-train-job", "create-train-job", wfv1.NodeTypePod, wfv1.NodePending, wfv1.NodeStatus{StartedAt: at(6)})
	add("handoff-3.wait-train-agent", "wait-train-agent", wfv1.NodeTypeSuspend, wfv1.NodeRunning, wfv1.NodeStatus{StartedAt: at(6)})
	add("handoff-3.wait-train-late", "wait-train-late", wfv1.NodeTypeSuspend, wfv1.NodeSucceeded, wfv1.NodeStatus{})
	return wf
}

func underWayState() *State {
	pod := func(node, step string, p Pod) Pod {
		p.Step, p.Name = step, podName(node, step)
		return p
	}
	return &State{
		Workflow: "handoff-3", Phase: Running, Suspended: []string{"train-agent"},
		Pods: []Pod{
			pod("handoff-3.open(0)", "open", Pod{Attempt: 1, Phase: Succeeded, Started: at(1).Time, Finished: at(2).Time}),
			pod("handoff-3.generate(1:1)(0)", "generate", Pod{
				Shard: 1, Attempt: 1, Phase: Failed, Message: "pod deleted", ExitCode: 137, Started: at(3).Time, Finished: at(4).Time,
			}),
			pod("handoff-3.generate(1:1)(1)", "generate", Pod{Shard: 1, Attempt: 2, Phase: Running, Started: at(5).Time}),
			pod("handoff-3.create-train-job", "create-train-job", Pod{Attempt: 1, Phase: Pending, Started: at(6).Time}),
		},
	}
}

// compress puts a Workflow's nodes away as the controller does when they are many.
func compress(t *testing.T, wf *wfv1.Workflow) *wfv1.Workflow {
	t.Helper()
	data, err := json.Marshal(wf.Status.Nodes)
	if err != nil {
		t.Fatal(err)
	}
	wf.Status.Nodes, wf.Status.CompressedNodes = nil, file.CompressEncodeString(string(data))
	return wf
}

func TestState(t *testing.T) {
	stopped := underWay()
	stopped.Spec.Shutdown, stopped.Spec.Suspend = wfv1.ShutdownStrategyStop, ptr.To(true)
	stopped.Status.Phase, stopped.Status.Message = wfv1.WorkflowError, "it was stopped"
	stoppedState := underWayState()
	stoppedState.Stopping, stoppedState.Suspended = true, []string{"run", "train-agent"}
	stoppedState.Phase, stoppedState.Message = Failed, "it was stopped"
	for name, test := range map[string]struct {
		wf   *wfv1.Workflow
		want *State
	}{
		"under way":   {underWay(), underWayState()},
		"compressed":  {compress(t, underWay()), underWayState()},
		"stopped":     {stopped, stoppedState},
		"not started": {&wfv1.Workflow{ObjectMeta: metav1.ObjectMeta{Name: "a-1", Namespace: "gymline"}}, &State{Workflow: "a-1", Phase: Pending, Pods: []Pod{}}},
	} {
		client, _ := newClient(t, test.wf)
		client.core, _ = podServer(t, underWayPods()...)
		got, err := client.State(t.Context(), store.RunID(test.wf.Name))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v\nwant %+v", name, got, test.want)
		}
	}
	broken := underWay()
	broken.Status.Nodes, broken.Status.CompressedNodes = nil, "nonsense"
	client, _ := newClient(t, broken)
	_, err := client.State(t.Context(), "handoff-3")
	refused(t, err, "workflow handoff-3: its compressed nodes: ")
}

// Compressed nodes are read by Argo, too.
func TestPack(t *testing.T) {
	nodes := underWay().Status.Nodes
	packed, err := pack(nodes)
	if err != nil {
		t.Fatal(err)
	}
	wf := &wfv1.Workflow{Status: wfv1.WorkflowStatus{CompressedNodes: packed}}
	if err := packer.DecompressWorkflow(wf); err != nil || !reflect.DeepEqual(*reread(t, &wf.Status.Nodes), *reread(t, &nodes)) {
		t.Errorf("Argo reads %+v, %v", wf.Status.Nodes, err)
	}
}

// Nodes that Argo keeps in a database are named, and what does not need them works.
func TestOffloaded(t *testing.T) {
	wf := underWay()
	wf.Status.Nodes, wf.Status.OffloadNodeStatusVersion = nil, "fnv:123"
	client, argo := newClient(t, wf)
	got, err := client.State(t.Context(), "handoff-3")
	if err != nil || got.Phase != Running || len(got.Pods) != 0 || !strings.Contains(got.Unread, "workflow handoff-3: Argo keeps its nodes in a database") {
		t.Errorf("%+v, %v", got, err)
	}
	argo.ClearActions()
	_, err = client.Resume(t.Context(), "handoff-3", "", clock)
	refused(t, err, "Argo keeps its nodes in a database")
	if !strings.Contains(fault.Hint(err), "argo resume handoff-3") {
		t.Errorf("the hint says %q", fault.Hint(err))
	}
	asked(t, argo, "get workflows")
	if err := client.Stop(t.Context(), "handoff-3"); err != nil {
		t.Error(err)
	}
}

func TestEnded(t *testing.T) {
	for phase, want := range map[string]bool{Pending: false, Running: false, Succeeded: true, Failed: true} {
		if Ended(phase) != want {
			t.Errorf("%s is taken for the other kind", phase)
		}
	}
}

// A Workflow is its own run, unless a CronWorkflow made it.
func TestRunOf(t *testing.T) {
	scheduled := func(time string) *wfv1.Workflow {
		return &wfv1.Workflow{ObjectMeta: metav1.ObjectMeta{
			Name: "nightly-1767323045", Labels: map[string]string{labelExperiment: "nightly"}, Annotations: map[string]string{scheduledAnnotation: time},
		}}
	}
	for _, test := range []struct {
		wf   *wfv1.Workflow
		want store.RunID
	}{
		{underWay(), "handoff-3"},
		{scheduled("2026-01-02T03:04:05Z"), "nightly-2026-01-02T030405Z"},
		{scheduled("2026-01-02T03:04:05+01:00"), "nightly-2026-01-02T020405Z"},
		{scheduled("soon"), "nightly-1767323045"},
	} {
		if got := runOf(test.wf); got != test.want {
			t.Errorf("run %s, want %s", got, test.want)
		}
	}
}
