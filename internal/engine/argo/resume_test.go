package argo

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-workflows/v3/persist/sqldb"
	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/workflow/common"
	"github.com/argoproj/argo-workflows/v3/workflow/hydrator"
	wfutil "github.com/argoproj/argo-workflows/v3/workflow/util"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ktesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
)

func clock() time.Time { return at(30).Time }

func impatient(t *testing.T) {
	was := resumePause
	resumePause = time.Millisecond
	t.Cleanup(func() { resumePause = was })
}

func TestResume(t *testing.T) {
	impatient(t)
	suspendedWhole := underWay()
	suspendedWhole.Spec.Suspend = ptr.To(true)
	for name, test := range map[string]struct {
		wf        *wfv1.Workflow
		conflicts int // patches of a version that is no more
		lost      int // then: patches that the controller overwrites
		patches   int
		want      []string
	}{
		"at once":    {underWay(), 0, 0, 1, []string{"train-agent"}},
		"lost twice": {underWay(), 0, 2, 3, []string{"train-agent"}},
		"conflicts":  {underWay(), 3, 1, 5, []string{"train-agent"}},
		"compressed": {compress(t, underWay()), 1, 1, 3, []string{"train-agent"}},
		"whole":      {suspendedWhole, 0, 0, 1, []string{"run", "train-agent"}},
	} {
		t.Run(name, func(t *testing.T) {
			test.wf.ResourceVersion = "41"
			client, argo := newClient(t, test.wf)
			patches := 0
			argo.PrependReactor("patch", "workflows", func(a ktesting.Action) (bool, runtime.Object, error) {
				var patch metav1.PartialObjectMetadata
				if err := json.Unmarshal(a.(ktesting.PatchAction).GetPatch(), &patch); err != nil || patch.ResourceVersion != "41" {
					t.Errorf("the patch is of version %q: %v", patch.ResourceVersion, err)
				}
				if patches++; patches <= test.conflicts {
					return true, nil, kerrors.NewConflict(schema.GroupResource{Resource: "workflows"}, "handoff-3", errors.New("changed"))
				}
				return patches <= test.conflicts+test.lost, test.wf, nil
			})
			was, err := client.Resume(t.Context(), "handoff-3", "", clock)
			if err != nil || !slices.Equal(was, test.want) {
				t.Fatalf("resumed %q, want %q: %v", was, test.want, err)
			}
			if patches != test.patches {
				t.Errorf("it was asked %d times, want %d", patches, test.patches)
			}
			s, err := client.State(t.Context(), "handoff-3")
			if err != nil || s.Suspended != nil || len(s.Pods) != 4 {
				t.Errorf("resumed: %+v, %v", s, err)
			}
			_, err = client.Resume(t.Context(), "handoff-3", "", clock)
			if fault.Code(err) != fault.Usage || !strings.Contains(err.Error(), "run handoff-3 is not suspended: it is Running") {
				t.Errorf("resumed again: %v", err)
			}
		})
	}
}

// A controller that never takes it is told of, and waiting ends with ctx.
func TestResumeInVain(t *testing.T) {
	impatient(t)
	client, argo := newClient(t, underWay())
	patches := 0
	argo.PrependReactor("patch", "workflows", func(ktesting.Action) (bool, runtime.Object, error) {
		patches++
		return true, underWay(), nil
	})
	_, err := client.Resume(t.Context(), "handoff-3", "", clock)
	if fault.Code(err) != fault.Temporary || patches != resumeTries || !strings.Contains(err.Error(), "asked 10 times to resume and is still suspended at train-agent") {
		t.Errorf("%d patches: %v", patches, err)
	}
	resumePause = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	argo.PrependReactor("patch", "workflows", func(ktesting.Action) (bool, runtime.Object, error) {
		cancel()
		return true, underWay(), nil
	})
	if _, err := client.Resume(ctx, "handoff-3", "", clock); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	fails(argo, "patch", "workflows", kerrors.NewForbidden(schema.GroupResource{Resource: "workflows"}, "handoff-3", errors.New("no")))
	_, err = client.Resume(t.Context(), "handoff-3", "", clock)
	refused(t, err, "resume workflow handoff-3 in namespace gymline")
}

// What was suspended after the first ask is another suspension, and stays.
func TestResumeNoMore(t *testing.T) {
	impatient(t)
	wf := underWay()
	client, argo := newClient(t, wf)
	argo.PrependReactor("patch", "workflows", func(ktesting.Action) (bool, runtime.Object, error) {
		if n := wf.Status.Nodes[wf.NodeID("handoff-3.wait-train-late")]; n.Phase != wfv1.NodeRunning {
			n.Phase = wfv1.NodeRunning
			wf.Status.Nodes[n.ID] = n
			return true, wf, argo.Tracker().Update(wfv1.SchemeGroupVersion.WithResource("workflows"), wf, "gymline")
		}
		return false, nil, nil
	})
	was, err := client.Resume(t.Context(), "handoff-3", "", clock)
	if err != nil || !slices.Equal(was, []string{"train-agent"}) {
		t.Errorf("resumed %q, %v", was, err)
	}
	if s, err := client.State(t.Context(), "handoff-3"); err != nil || !slices.Equal(s.Suspended, []string{"train-late"}) {
		t.Errorf("%+v, %v", s, err)
	}
}

// A resumed Workflow is the one that Argo's own resuming makes, but for what it
// writes into a message and the moment.
func TestResumesAsArgoDoes(t *testing.T) {
	impatient(t)
	supplied := func(value *wfv1.AnyString) func(*wfv1.Workflow) {
		return func(wf *wfv1.Workflow) {
			n := wf.Status.Nodes[wf.NodeID("handoff-3.wait-train-agent")]
			n.Outputs = &wfv1.Outputs{Parameters: []wfv1.Parameter{
				{Name: "set", Value: wfv1.AnyStringPtr("x")}, {Name: "unset", ValueFrom: &wfv1.ValueFrom{Supplied: &wfv1.SuppliedValueFrom{}, Default: value}},
			}}
			wf.Status.Nodes[n.ID] = n
		}
	}
	for name, test := range map[string]struct {
		change func(*wfv1.Workflow)
		step   string
		fails  bool
	}{
		"plain":      {change: func(*wfv1.Workflow) {}},
		"one of two": {change: func(wf *wfv1.Workflow) { suspendAt(wf, "train-late") }, step: "train-late"},
		"both":       {change: func(wf *wfv1.Workflow) { suspendAt(wf, "train-late") }},
		"whole":      {change: func(wf *wfv1.Workflow) { wf.Spec.Suspend = ptr.To(true) }},
		"not begun":  {change: func(wf *wfv1.Workflow) { wf.Spec.Suspend, wf.Status = ptr.To(true), wfv1.WorkflowStatus{} }},
		"acted on": {change: func(wf *wfv1.Workflow) {
			wf.Labels[common.LabelKeyAction], wf.Labels[common.LabelKeyActorEmail] = "Suspend", "a.at.b"
		}},
		"with defaults": {change: supplied(wfv1.AnyStringPtr("default"))},
		"with none":     {change: supplied(nil), fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			resumed := func(resume func(*Client) error) *wfv1.Workflow {
				wf := underWay()
				test.change(wf)
				client, _ := newClient(t, wf)
				if err := resume(client); (err != nil) != test.fails {
					t.Fatalf("%v", err)
				}
				wf, err := client.argo.Workflows("gymline").Get(t.Context(), "handoff-3", metav1.GetOptions{})
				if err != nil {
					t.Fatal(err)
				}
				for id, n := range wf.Status.Nodes {
					if n.Type == wfv1.NodeTypeSuspend && !n.FinishedAt.IsZero() {
						n.FinishedAt = at(30)
					}
					wf.Status.Nodes[id] = n
				}
				return reread(t, wf)
			}
			ours := resumed(func(c *Client) error {
				_, err := c.Resume(t.Context(), "handoff-3", store.StepName(test.step), clock)
				return err
			})
			argos := resumed(func(c *Client) error {
				selector := ""
				if test.step != "" {
					selector = "templateName=" + waitPrefix + test.step
				}
				return wfutil.ResumeWorkflow(t.Context(), c.argo.Workflows("gymline"), hydrator.New(sqldb.ExplosiveOffloadNodeStatusRepo), "handoff-3", selector)
			})
			if !test.fails && !reflect.DeepEqual(ours, argos) {
				t.Errorf("ours:  %+v\nArgo's: %+v", ours, argos)
			}
		})
	}
}

// suspendAt suspends a Workflow at a step more.
func suspendAt(wf *wfv1.Workflow, step string) {
	n := wf.Status.Nodes[wf.NodeID("handoff-3."+waitPrefix+step)]
	n.Phase = wfv1.NodeRunning
	wf.Status.Nodes[n.ID] = n
}
