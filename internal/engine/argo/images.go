package argo

import (
	"cmp"
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/gymline/gymline/internal/store"
)

// podsAtOnce bounds the pods of one answer: each is some 20 kB.
const podsAtOnce = "200"

// Images returns what the containers of a run's pods ran in, each pair of
// reference and digest once. Argo's own containers are left out, and so is what
// has not run.
func (c *Client) Images(ctx context.Context, id store.RunID) ([]store.Image, error) {
	wf, err := c.find(ctx, id)
	if err != nil {
		return nil, err
	}
	seen := map[store.Image]bool{}
	for next := ""; ; {
		var list corev1.PodList
		err := c.listPods(ctx, labelWorkflow+"="+wf.Name, "application/json", &list, [2]string{"limit", podsAtOnce}, [2]string{"continue", next})
		if err != nil {
			return nil, c.explain("list the pods of workflow "+wf.Name, err)
		}
		for i := range list.Items {
			for _, image := range imagesOf(&list.Items[i]) {
				seen[image] = true
			}
		}
		if next = list.Continue; next == "" {
			break
		}
	}
	var images []store.Image
	for image := range seen {
		images = append(images, image)
	}
	slices.SortFunc(images, func(a, b store.Image) int {
		return cmp.Or(cmp.Compare(a.Step, b.Step), cmp.Compare(a.Container, b.Container), cmp.Compare(a.Image, b.Image), cmp.Compare(a.Digest, b.Digest))
	})
	return images, nil
}

func imagesOf(pod *corev1.Pod) (images []store.Image) {
	asked := map[string]string{}
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		asked[c.Name] = c.Image
	}
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		digest := s.ImageID[strings.LastIndexAny(s.ImageID, "@/")+1:]
		if s.Name == "init" || s.Name == "wait" || !strings.HasPrefix(digest, "sha256:") {
			continue
		}
		images = append(images, store.Image{Step: store.StepName(pod.Labels[labelStep]), Container: s.Name, Image: asked[s.Name], Digest: digest})
	}
	return images
}
