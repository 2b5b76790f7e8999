package argo

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/workflow/common"
	wfutil "github.com/argoproj/argo-workflows/v3/workflow/util"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"

	"github.com/gymline/gymline/internal/fault"
)

// podServer is Kubernetes' own API of a namespace with these pods. requests
// returns what it was asked since the last time.
func podServer(t *testing.T, pods ...corev1.Pod) (client rest.Interface, requests func() []string) {
	t.Helper()
	var mu sync.Mutex
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.Method+" "+r.URL.Path+"?"+r.URL.Query().Encode())
		mu.Unlock()
		folder := "/api/v1/namespaces/gymline/pods"
		if r.URL.Path != folder {
			name := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, folder+"/"), "/log")
			fmt.Fprintf(w, "what %s said\n", name)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		selector, err := labels.Parse(r.URL.Query().Get("labelSelector"))
		if err != nil {
			t.Error(err)
		}
		found := slices.DeleteFunc(slices.Clone(pods), func(p corev1.Pod) bool { return !selector.Matches(labels.Set(p.Labels)) })
		if !strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadataList;g=meta.k8s.io;v=v1") {
			json.NewEncoder(w).Encode(corev1.PodList{Items: found})
			return
		}
		list := metav1.PartialObjectMetadataList{TypeMeta: metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "PartialObjectMetadataList"}}
		for _, p := range found {
			list.Items = append(list.Items, metav1.PartialObjectMetadata{ObjectMeta: p.ObjectMeta})
		}
		json.NewEncoder(w).Encode(list)
	}))
	t.Cleanup(server.Close)
	client, err := newCore(rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return client, func() []string {
		mu.Lock()
		defer mu.Unlock()
		was := seen
		seen = nil
		return was
	}
}

// forbidding is Kubernetes' own API to an account that may do nothing.
func forbidding(t *testing.T) rest.Interface {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"apiVersion":"v1","kind":"Status","status":"Failure","message":"pods is forbidden","reason":"Forbidden","code":403}`)
	}))
	t.Cleanup(server.Close)
	client, err := newCore(rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// podName is how Argo names a node's pod.
func podName(node, template string) string {
	return wfutil.GeneratePodName("handoff-3", node, template, "", wfutil.PodNameV2)
}

// underWayPods are the pods of underWay, and one of another Workflow.
func underWayPods() []corev1.Pod {
	wf := underWay()
	pods := []corev1.Pod{{ObjectMeta: metav1.ObjectMeta{
		Name: "other", Namespace: "gymline", Labels: map[string]string{common.LabelKeyWorkflow: "handoff-4"},
		Annotations: map[string]string{common.AnnotationKeyNodeID: wf.NodeID("handoff-3.open(0)")},
	}}}
	for id, n := range wf.Status.Nodes {
		if n.Type == wfv1.NodeTypePod {
			pods = append(pods, corev1.Pod{ObjectMeta: metav1.ObjectMeta{
				Name: podName(n.Name, n.TemplateName), Namespace: "gymline", Labels: map[string]string{common.LabelKeyWorkflow: wf.Name},
				Annotations: map[string]string{common.AnnotationKeyNodeID: id, common.AnnotationKeyNodeName: n.Name},
			}})
		}
	}
	return pods
}

// Pods are listed while there are some of unknown name, and those that are gone once.
func TestPodNames(t *testing.T) {
	wf := underWay()
	gone := podName("handoff-3.generate(1:1)(0)", "generate")
	pods := slices.DeleteFunc(underWayPods(), func(p corev1.Pod) bool { return p.Name == gone })
	client, argo := newClient(t, wf)
	var requests func() []string
	client.core, requests = podServer(t, pods...)
	list := "GET /api/v1/namespaces/gymline/pods?labelSelector=workflows.argoproj.io%2Fworkflow%3Dhandoff-3"
	for look, want := range [][]string{{list}, nil, {list}, {list}} {
		state, err := client.State(t.Context(), "handoff-3")
		if err != nil {
			t.Fatal(err)
		}
		if got := requests(); !slices.Equal(got, want) {
			t.Errorf("look %d asked %q, want %q", look, got, want)
		}
		for _, pod := range state.Pods {
			if wantGone := pod.Step == "generate" && (pod.Attempt == 1 || pod.Attempt == 3); (pod.Name == "") != wantGone {
				t.Errorf("look %d: %+v", look, pod)
			}
		}
		if look == 1 { // a node whose pod is to come: it is asked for again
			n := wf.Status.Nodes[wf.NodeID("handoff-3.generate(1:1)(1)")]
			n.Name, n.Phase = "handoff-3.generate(1:1)(2)", wfv1.NodePending
			n.ID = wf.NodeID(n.Name)
			wf.Status.Nodes[n.ID] = n
			if err := argo.Tracker().Update(wfv1.SchemeGroupVersion.WithResource("workflows"), wf, "gymline"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// An account that may not list pods still sees how far a run is.
func TestPodsForbidden(t *testing.T) {
	client, _ := newClient(t, underWay())
	client.core = forbidding(t)
	state, err := client.State(t.Context(), "handoff-3")
	if err != nil || len(state.Pods) != 4 || state.Pods[0].Name != "" {
		t.Errorf("%+v, %v", state, err)
	}
	_, err = client.Log(t.Context(), state.Pods[0].Name, false, 0)
	refused(t, err, "the cluster has no such pod any more, or your account may not list pods")
	_, err = client.Log(t.Context(), "handoff-3-open-1", false, 0)
	refused(t, err, "read the log of pod handoff-3-open-1 in namespace gymline", "pods is forbidden")
	if old := client.OldController(t.Context()); old != "" {
		t.Errorf("what may not be seen is taken for %s", old)
	}
}

// A cluster that does not answer is not taken for one without pods.
func TestPodsTemporary(t *testing.T) {
	client, _ := newClient(t, underWay())
	server := httptest.NewServer(http.NotFoundHandler())
	core, err := newCore(rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	server.Close()
	client.core = core
	if _, err := client.State(t.Context(), "handoff-3"); fault.Code(err) != fault.Temporary || !strings.Contains(err.Error(), "list the pods of workflow handoff-3") {
		t.Errorf("%v", err)
	}
}

func TestLog(t *testing.T) {
	client, _ := newClient(t)
	var requests func() []string
	client.core, requests = podServer(t)
	for _, test := range []struct {
		follow bool
		tail   int64
		want   string
	}{
		{true, 10, "container=main&follow=true&tailLines=10"},
		{false, 0, "container=main"},
	} {
		r, err := client.Log(t.Context(), "handoff-3-open-1", test.follow, test.tail)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		r.Close()
		if string(data) != "what handoff-3-open-1 said\n" || err != nil {
			t.Errorf("%q, %v", data, err)
		}
		if got, want := requests(), []string{"GET /api/v1/namespaces/gymline/pods/handoff-3-open-1/log?" + test.want}; !slices.Equal(got, want) {
			t.Errorf("asked for %q, want %q", got, want)
		}
	}
}

// A controller that is older than is safe is told of; one that cannot be known is not.
func TestOldController(t *testing.T) {
	pod := func(image string, labels map[string]string) corev1.Pod {
		return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "workflow-controller-1", Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Image: image}}}}
	}
	for image, old := range map[string]bool{
		"quay.io/argoproj/workflow-controller:v3.7.14":                           true,
		"quay.io/argoproj/workflow-controller:v3.6.19":                           true,
		"quay.io/argoproj/workflow-controller:v3.7.15-rc1":                       true,
		"registry.example.com:5000/workflow-controller:3.7.2":                    true,
		"workflow-controller:v4.0.5@sha256:" + strings.Repeat("0", 64):           true,
		"quay.io/argoproj/workflow-controller:v3.7.15":                           false,
		"quay.io/argoproj/workflow-controller:v3.7.18":                           false,
		"quay.io/argoproj/workflow-controller:v4.0.6":                            false,
		"quay.io/argoproj/workflow-controller:v4.1.2":                            false,
		"quay.io/argoproj/workflow-controller:latest":                            false,
		"quay.io/argoproj/workflow-controller":                                   false,
		"quay.io/argoproj/workflow-controller@sha256:" + strings.Repeat("0", 64): false,
		"example.com/other-controller:v1.0.0":                                    false,
	} {
		client, _ := newClient(t)
		client.core, _ = podServer(t, pod("minio:v1.0.0", nil), pod(image, map[string]string{"app": "workflow-controller"}))
		got := client.OldController(t.Context())
		if !old && got != "" || old && !strings.Contains(got, "upgrade Argo Workflows") {
			t.Errorf("%s: %q", image, got)
		}
	}
	client, _ := newClient(t)
	client.core, _ = podServer(t, pod("workflow-controller:v1.0.0", map[string]string{common.LabelKeyWorkflow: "a-1"}))
	if got := client.OldController(t.Context()); got != "" {
		t.Errorf("a workflow's own pod is taken for the controller's: %s", got)
	}
}

// The words are Argo's own.
func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		argoFolder: common.VarRunArgoPath, labelWorkflow: common.LabelKeyWorkflow, annotationNode: common.AnnotationKeyNodeID, scheduledAnnotation: common.AnnotationKeyCronWfScheduledTime,
	} {
		if got != want {
			t.Errorf("%s is called %s", got, want)
		}
	}
	actor := []string{common.LabelKeyAction, common.LabelKeyActor, common.LabelKeyActorEmail, common.LabelKeyActorPreferredUsername}
	for _, name := range actor {
		if _, ok := noActor[name]; !ok || len(noActor) != len(actor) {
			t.Errorf("%s stays", name)
		}
	}
	for _, root := range common.GlobalVarValidWorkflowVariablePrefix {
		if !slices.Contains(checked, root) || len(checked) != len(common.GlobalVarValidWorkflowVariablePrefix) {
			t.Errorf("variables of %s are not looked at", root)
		}
	}
}
