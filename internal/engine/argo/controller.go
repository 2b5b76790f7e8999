package argo

import (
	"context"
	"fmt"
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/version"
)

// The versions of Argo from which templateReferencing: Secure holds
// (GHSA-48p8-g2fx-3wwm).
var (
	secure3 = version.MustParseSemantic("v3.7.15")
	secure4 = version.MustParseSemantic("v4.0.6")
)

// OldController says that the namespace's controller is of a version older than
// is safe, and is "" when it is not or when that cannot be known: the image of a
// controller's pod tells, where it runs in the namespace and its tag is a version.
func (c *Client) OldController(ctx context.Context) string {
	var list corev1.PodList
	if err := c.listPods(ctx, "!"+labelWorkflow, "application/json", &list); err != nil {
		return ""
	}
	for _, pod := range list.Items {
		for _, container := range pod.Spec.Containers {
			image, _, _ := strings.Cut(container.Image, "@")
			name, tag, _ := strings.Cut(path.Base(image), ":")
			v, err := version.ParseSemantic(tag)
			if name != "workflow-controller" || err != nil {
				continue
			}
			if safe := map[bool]*version.Version{true: secure4, false: secure3}[v.Major() >= 4]; v.LessThan(safe) {
				return fmt.Sprintf("the workflow-controller of namespace %s is %s, and before v%s templateReferencing: Secure can be got around (GHSA-48p8-g2fx-3wwm): upgrade Argo Workflows", c.namespace, tag, safe)
			}
		}
	}
	return ""
}
