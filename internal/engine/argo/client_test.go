package argo

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	argofake "github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned/fake"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ktesting "k8s.io/client-go/testing"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
)

// newClient is a client of a cluster in memory, which has no pods.
func newClient(t *testing.T, objects ...runtime.Object) (*Client, *argofake.Clientset) {
	argo := argofake.NewSimpleClientset(objects...)
	core, _ := podServer(t)
	return &Client{namespace: "gymline", argo: argo.ArgoprojV1alpha1(), core: core, names: map[string]string{}}, argo
}

// The cluster is the one that kubectl would talk to.
func TestConnect(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/namespaces/team-a/workflows/a-1") {
			fmt.Fprint(w, `{"apiVersion":"argoproj.io/v1alpha1","kind":"Workflow","metadata":{"name":"a-1"}}`)
			return
		}
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"apiVersion":"v1","kind":"Status","status":"Failure","reason":"Forbidden","code":403}`)
	}))
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, fmt.Appendf(nil, `
apiVersion: v1
kind: Config
current-context: here
clusters: [{name: here, cluster: {server: "%s"}}]
contexts: [{name: here, context: {cluster: here}}]
`, server.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", file)
	_, err := Connect("team-a", "elsewhere")
	refused(t, err, "find the cluster", "elsewhere")
	for _, name := range []string{"", "here"} {
		client, err := Connect("team-a", name)
		if err != nil {
			t.Fatal(err)
		}
		if has, err := client.Has(t.Context(), "a-1"); !has || err != nil {
			t.Errorf("the workflow is not there: %v", err)
		}
		_, err = client.Has(t.Context(), "a-2")
		refused(t, err, "look for workflow a-2 in namespace team-a")
	}
	client, err := Connect("team-a", "")
	if err != nil {
		t.Fatal(err)
	}
	server.Close()
	if _, err := client.Has(t.Context(), "a-1"); fault.Code(err) != fault.Temporary {
		t.Errorf("a cluster that is away: exit code %d: %v", fault.Code(err), err)
	}
}

// verbs are what a client asked for, such as "create workflows".
func verbs(argo *argofake.Clientset) []string {
	var list []string
	for _, a := range argo.Actions() {
		list = append(list, a.GetVerb()+" "+a.GetResource().Resource)
	}
	argo.ClearActions()
	return list
}

// fails makes a cluster answer with an error.
func fails(argo *argofake.Clientset, verb, resource string, err error) {
	argo.PrependReactor(verb, resource, func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, err })
}

func asked(t *testing.T, argo *argofake.Clientset, want ...string) {
	t.Helper()
	if got := verbs(argo); !slices.Equal(got, want) {
		t.Errorf("the cluster was asked to %q, want %q", got, want)
	}
}

func TestSubmit(t *testing.T) {
	ctx, c := t.Context(), config()
	client, argo := newClient(t)
	m := compile(t, shipped(t, "quickstart"), c)
	m.Name("quickstart-1")
	if err := client.Submit(ctx, m); err != nil {
		t.Fatal(err)
	}
	asked(t, argo, "create workflowtemplates", "create workflows")
	if has, err := client.Has(ctx, "quickstart-1"); !has || err != nil {
		t.Errorf("the workflow is not there: %v", err)
	}
	if has, err := client.Has(ctx, "quickstart-2"); has || err != nil {
		t.Errorf("there is another workflow: %v", err)
	}
	argo.ClearActions()

	// The template is there already, read back from JSON.
	there := reread(t, m.Template)
	client, argo = newClient(t, there)
	m.Workflow.Name = "quickstart-2"
	if err := client.Submit(ctx, m); err != nil {
		t.Fatal(err)
	}
	asked(t, argo, "create workflowtemplates", "get workflowtemplates", "create workflows")

	// A run's name is taken by another store's.
	err := client.Submit(ctx, m)
	refused(t, err, "create workflow quickstart-2 in namespace gymline", "already exists")

	// Somebody altered it.
	there.Spec.Templates[1].Container.Image = "other:dev"
	client, argo = newClient(t, there)
	refused(t, client.Submit(ctx, m), m.Template.Name+" was altered in the cluster")
	asked(t, argo, "create workflowtemplates", "get workflowtemplates")
}

// A busy controller hears of the Workflow before it hears of its new template,
// and ends it for good.
func TestSubmitToALateController(t *testing.T) {
	m := compile(t, shipped(t, "quickstart"), config())
	m.Name("quickstart-1")
	status := func(phase wfv1.WorkflowPhase, message string) wfv1.WorkflowStatus {
		return wfv1.WorkflowStatus{Phase: phase, Message: message}
	}
	unknown := status(wfv1.WorkflowError, fmt.Sprintf("workflowtemplates.argoproj.io %q not found", m.Template.Name))
	look, again := "get workflows", []string{"delete workflows", "create workflows"}
	for name, c := range map[string]struct {
		says []wfv1.WorkflowStatus // at each look
		then []string
	}{
		"in time":      {[]wfv1.WorkflowStatus{status("", ""), status(wfv1.WorkflowRunning, "")}, []string{look, look}},
		"late twice":   {[]wfv1.WorkflowStatus{unknown, status("", ""), unknown, status(wfv1.WorkflowPending, "")}, slices.Concat([]string{look}, again, []string{look, look}, again, []string{look})},
		"other errors": {[]wfv1.WorkflowStatus{status(wfv1.WorkflowError, "invalid spec")}, []string{look}},
	} {
		t.Run(name, func(t *testing.T) {
			client, argo := newClient(t)
			client.takeUp = time.Minute
			looks := 0
			argo.PrependReactor("get", "workflows", func(ktesting.Action) (bool, runtime.Object, error) {
				looks++
				return true, &wfv1.Workflow{Status: c.says[looks-1]}, nil
			})
			if err := client.Submit(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			asked(t, argo, append([]string{"create workflowtemplates", "create workflows"}, c.then...)...)
		})
	}
}

func TestSubmitSchedule(t *testing.T) {
	ctx, c := t.Context(), config()
	c.Schedule = nightly()
	client, argo := newClient(t)
	if err := client.Submit(ctx, compile(t, shipped(t, "nightly"), c)); err != nil {
		t.Fatal(err)
	}
	asked(t, argo, "create workflowtemplates", "get cronworkflows", "create cronworkflows")

	// Another time, and so the same template; then another image, and so another.
	c.Schedule.Cron = []string{"0 4 * * *"}
	if err := client.Submit(ctx, compile(t, shipped(t, "nightly"), c)); err != nil {
		t.Fatal(err)
	}
	asked(t, argo, "create workflowtemplates", "get workflowtemplates", "get cronworkflows", "update cronworkflows")
	c.Image = "gymline:next"
	m := compile(t, shipped(t, "nightly"), c)
	if err := client.Submit(ctx, m); err != nil {
		t.Fatal(err)
	}
	asked(t, argo, "create workflowtemplates", "get cronworkflows", "update cronworkflows")
	there, err := client.argo.CronWorkflows("gymline").Get(ctx, "nightly", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(there.Spec, m.Cron.Spec) || there.Spec.WorkflowSpec.WorkflowTemplateRef.Name != m.Template.Name || there.Spec.Schedules[0] != "0 4 * * *" {
		t.Errorf("the schedule was not replaced: %+v", there.Spec)
	}
}

// A run is found by its Workflow's name, or by the time that it was scheduled for.
func TestFind(t *testing.T) {
	scheduled := &wfv1.Workflow{ObjectMeta: metav1.ObjectMeta{
		Name: "nightly-1767323045", Namespace: "gymline", Labels: map[string]string{labelManaged: "gymline", labelExperiment: "nightly"},
		Annotations: map[string]string{scheduledAnnotation: "2026-01-02T03:04:05+01:00"},
	}}
	client, argo := newClient(t, underWay(), scheduled)
	for id, name := range map[store.RunID]string{"handoff-3": "handoff-3", "nightly-2026-01-02T020405Z": "nightly-1767323045"} {
		if s, err := client.State(t.Context(), id); err != nil || s.Workflow != name {
			t.Errorf("run %s: %+v, %v", id, s, err)
		}
	}
	for _, id := range []store.RunID{"handoff-4", "nightly-2026-01-02T030405Z"} {
		if _, err := client.State(t.Context(), id); !errors.Is(err, ErrNoWorkflow) || !strings.Contains(fmt.Sprint(err), string(id)) {
			t.Errorf("run %s: %v", id, err)
		}
	}
	fails(argo, "list", "workflows", kerrors.NewTimeoutError("slow", 1))
	if _, err := client.State(t.Context(), "handoff-4"); fault.Code(err) != fault.Temporary || errors.Is(err, ErrNoWorkflow) {
		t.Errorf("a cluster that does not answer is taken for one without the run: %v", err)
	}
}

func TestStop(t *testing.T) {
	client, argo := newClient(t, underWay())
	if err := client.Stop(t.Context(), "handoff-3"); err != nil {
		t.Fatal(err)
	}
	asked(t, argo, "get workflows", "patch workflows")
	wf, err := client.argo.Workflows("gymline").Get(t.Context(), "handoff-3", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if wf.Spec.Shutdown != wfv1.ShutdownStrategyStop || len(wf.Status.Nodes) != len(underWay().Status.Nodes) {
		t.Errorf("stopped: %+v", wf.Spec)
	}
	if err := client.Stop(t.Context(), "handoff-4"); !errors.Is(err, ErrNoWorkflow) {
		t.Errorf("%v", err)
	}
}

// What a cluster answers says how gymline exits.
func TestExplain(t *testing.T) {
	workflows := schema.GroupResource{Group: "argoproj.io", Resource: "workflows"}
	for _, test := range []struct {
		err  error
		code int
		hint string
	}{
		{kerrors.NewForbidden(workflows, "a-1", errors.New("no")), fault.Config, "manifests/base has a role"},
		{kerrors.NewUnauthorized("who?"), fault.Config, "your account lacks a right"},
		{kerrors.NewNotFound(workflows, "a-1"), fault.Config, "are Argo's custom resources and the namespace installed?"},
		{kerrors.NewAlreadyExists(workflows, "a-1"), fault.Config, "use a namespace for each store"},
		{kerrors.NewBadRequest("what?"), fault.Config, ""},
		{kerrors.NewTimeoutError("slow", 1), fault.Temporary, "try again"},
		{kerrors.NewServerTimeout(workflows, "create", 1), fault.Temporary, "try again"},
		{kerrors.NewConflict(workflows, "a-1", errors.New("changed")), fault.Temporary, "try again"},
		{kerrors.NewInternalError(errors.New("etcd")), fault.Temporary, "try again"},
		{errors.New("dial tcp: connection refused"), fault.Temporary, "is the cluster reachable?"},
	} {
		client, argo := newClient(t)
		fails(argo, "create", "workflows", test.err)
		m := compile(t, shipped(t, "quickstart"), config())
		m.Name("quickstart-1")
		err := client.Submit(t.Context(), m)
		if fault.Code(err) != test.code || !strings.Contains(fault.Hint(err), test.hint) || !errors.Is(err, test.err) {
			t.Errorf("%v: exit code %d, hint %q, want %d, %q", err, fault.Code(err), fault.Hint(err), test.code, test.hint)
		}
		if want := "create workflow quickstart-1 in namespace gymline: "; !strings.HasPrefix(fmt.Sprint(err), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
	client, _ := newClient(t)
	if err := client.explain("nothing", nil); err != nil {
		t.Error(err)
	}
}
