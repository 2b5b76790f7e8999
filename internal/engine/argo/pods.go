package argo

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gymline/gymline/internal/fault"
)

// What Argo writes on a pod: the Workflow and the node that it is of.
const (
	labelWorkflow  = "workflows.argoproj.io/workflow"
	annotationNode = "workflows.argoproj.io/node-id"
)

// podNames returns the names of a Workflow's pods by node ID. A name never
// changes, so pods are listed only while there are nodes without one. A pod that
// is gone has none, nor has any for an account that may not list them.
func (c *Client) podNames(ctx context.Context, workflow string, nodes wfv1.Nodes) (map[string]string, error) {
	var unknown []string
	for id, n := range nodes {
		if _, ok := c.names[id]; !ok && n.Type == wfv1.NodeTypePod {
			unknown = append(unknown, id)
		}
	}
	if unknown == nil {
		return c.names, nil
	}
	// Their metadata is all that is asked for: pods are large, and may be thousands.
	var list metav1.PartialObjectMetadataList
	err := c.listPods(ctx, labelWorkflow+"="+workflow, "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", &list)
	if err != nil && !kerrors.IsForbidden(err) {
		return nil, c.explain("list the pods of workflow "+workflow, err)
	}
	for _, pod := range list.Items {
		c.names[pod.Annotations[annotationNode]] = pod.Name
	}
	for _, id := range unknown {
		if _, ok := c.names[id]; !ok && Ended(phase(string(nodes[id].Phase))) {
			c.names[id] = "" // not to be looked for again
		}
	}
	return c.names, nil
}

// listPods reads the pods with those labels: all, or as the further parameters say.
func (c *Client) listPods(ctx context.Context, labels, form string, into any, params ...[2]string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req := c.core.Get().Namespace(c.namespace).Resource("pods").Param("labelSelector", labels).SetHeader("Accept", form)
	for _, p := range params {
		req = req.Param(p[0], p[1])
	}
	r := req.Do(ctx)
	if err := r.Error(); err != nil {
		return err
	}
	data, err := r.Raw()
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

// wait reads why the trainer's container of a pod has not started, of which Argo
// tells nothing: it tells of its own containers. "" is not known.
func (c *Client) wait(ctx context.Context, pod string) string {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var p corev1.Pod
	if err := c.core.Get().Namespace(c.namespace).Resource("pods").Name(pod).Do(ctx).Into(&p); err != nil {
		return "" // it is told when it is looked for again
	}
	for _, status := range p.Status.InitContainerStatuses {
		if w := status.State.Waiting; status.Name == trainerContainer && w != nil && w.Reason != "PodInitializing" {
			return strings.TrimSuffix("the trainer's container: "+w.Reason+": "+w.Message, ": ")
		}
	}
	return ""
}

// Log streams the log of a pod's job. With tail above 0 it is that many last lines.
func (c *Client) Log(ctx context.Context, pod string, follow bool, tail int64) (io.ReadCloser, error) {
	return c.log(ctx, pod, "main", follow, tail)
}

// TrainerLog streams what the trainer in a pod says.
func (c *Client) TrainerLog(ctx context.Context, pod string, follow bool) (io.ReadCloser, error) {
	return c.log(ctx, pod, trainerContainer, follow, 0)
}

func (c *Client) log(ctx context.Context, pod, container string, follow bool, tail int64) (io.ReadCloser, error) {
	if pod == "" {
		return nil, fault.New(fault.Config, errors.New("the cluster has no such pod any more, or your account may not list pods"), "manifests/base has a role for those who submit")
	}
	r := c.core.Get().Namespace(c.namespace).Resource("pods").Name(pod).SubResource("log").Param("container", container)
	if follow {
		r.Param("follow", "true")
	}
	if tail > 0 {
		r.Param("tailLines", strconv.FormatInt(tail, 10))
	}
	stream, err := r.Stream(ctx)
	return stream, c.explain("read the log of pod "+pod, err)
}
