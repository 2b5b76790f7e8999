package argo

import (
	"slices"
	"testing"

	"github.com/argoproj/argo-workflows/v3/workflow/common"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wffake "github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned/fake"

	"github.com/gymline/gymline/internal/store"
)

// What containers ran in is told once for each step, with the digest as container
// runtimes write it, and without what is Argo's own.
func TestImages(t *testing.T) {
	t.Parallel()
	pod := func(step string, ids map[string]string) corev1.Pod {
		p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: step, Namespace: "gymline", Labels: map[string]string{common.LabelKeyWorkflow: "handoff-3", labelStep: step}}}
		for _, name := range []string{"init", "wait", "main", "gymline"} {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: name, Image: "example.com/" + name + ":v1"})
			if id := ids[name]; id != "" {
				p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{Name: name, ImageID: id})
			}
		}
		return p
	}
	core, _ := podServer(t,
		pod("generate", map[string]string{"init": "sha256:9", "wait": "sha256:9", "main": "example.com/main@sha256:1"}),
		pod("generate", map[string]string{"main": "docker-pullable://example.com/main@sha256:1"}),
		pod("generate", map[string]string{"main": "sha256:2"}), // the tag moved
		pod("train-a", map[string]string{"main": "docker://sha256:3", "gymline": "example.com/gymline@sha256:4"}),
		pod("report", nil),
	)
	c := &Client{namespace: "gymline", argo: wffake.NewSimpleClientset(underWay()).ArgoprojV1alpha1(), core: core}
	got, err := c.Images(t.Context(), "handoff-3")
	want := []store.Image{
		{Step: "generate", Container: "main", Image: "example.com/main:v1", Digest: "sha256:1"},
		{Step: "generate", Container: "main", Image: "example.com/main:v1", Digest: "sha256:2"},
		{Step: "train-a", Container: "gymline", Image: "example.com/gymline:v1", Digest: "sha256:4"},
		{Step: "train-a", Container: "main", Image: "example.com/main:v1", Digest: "sha256:3"},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v\nwant %v", got, err, want)
	}
}
