package argo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned/scheme"
	typed "github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned/typed/workflow/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
)

// A Client speaks to one namespace of a cluster, for one caller at a time.
type Client struct {
	namespace string
	argo      typed.ArgoprojV1alpha1Interface
	core      rest.Interface    // Kubernetes' own API, for pods
	names     map[string]string // of pods, by node ID
	takeUp    time.Duration     // how long the controller may take until it has looked at a Workflow
}

// requestTimeout bounds one request, so that a connection that hangs is lost and
// not waited for.
const requestTimeout = 15 * time.Second

// takeUp is far more than a controller takes that is there and not overwhelmed.
const takeUp = 10 * time.Second

// Connect finds the cluster as kubectl does: by KUBECONFIG, the file in the home
// folder, or the service account of a pod. kubeContext is "" for the current one.
func Connect(namespace, kubeContext string) (*Client, error) {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), &clientcmd.ConfigOverrides{CurrentContext: kubeContext},
	).ClientConfig()
	if err != nil {
		return nil, fault.New(fault.Config, fmt.Errorf("find the cluster: %w", err), "set KUBECONFIG, or spec.argo.context of the profile")
	}
	config.Timeout = requestTimeout
	argo, err := typed.NewForConfig(config)
	if err != nil {
		return nil, fault.New(fault.Config, fmt.Errorf("connect to %s: %w", config.Host, err), "")
	}
	core, err := newCore(*config)
	if err != nil {
		return nil, fault.New(fault.Config, fmt.Errorf("connect to %s: %w", config.Host, err), "")
	}
	return &Client{namespace: namespace, argo: argo, core: core, names: map[string]string{}, takeUp: takeUp}, nil
}

// newCore is a client of Kubernetes' own API. Its requests are not bounded: a log
// is read for as long as its pod speaks.
func newCore(config rest.Config) (rest.Interface, error) {
	config.Timeout, config.APIPath, config.GroupVersion = 0, "/api", &corev1.SchemeGroupVersion
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	return rest.RESTClientFor(&config)
}

// ErrNoWorkflow means that the cluster has no Workflow of a run: it was never
// submitted, or was deleted after its time to live. The store still has the run.
var ErrNoWorkflow = errors.New("the cluster has no workflow of the run")

// ErrTaken means that the namespace has a Workflow of that name from another store.
var ErrTaken = errors.New("the name is taken")

// Has reports whether the namespace has a Workflow of that name.
func (c *Client) Has(ctx context.Context, id store.RunID) (bool, error) {
	_, err := c.argo.Workflows(c.namespace).Get(ctx, string(id), metav1.GetOptions{})
	if kerrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, c.explain("look for workflow "+string(id), err)
}

// Submit puts the template, which is named after its content and so is created
// once, and then creates the Workflow, or creates or replaces the CronWorkflow.
func (c *Client) Submit(ctx context.Context, m *Manifests) error {
	fresh, err := c.putTemplate(ctx, m.Template)
	if err != nil {
		return err
	}
	if m.Cron != nil {
		return c.putCron(ctx, m.Cron)
	}
	workflows := c.argo.Workflows(c.namespace)
	for {
		wf, err := workflows.Create(ctx, m.Workflow, metav1.CreateOptions{})
		if err != nil || !fresh || !c.missed(ctx, wf.Name, m.Template.Name) {
			return c.explain("create workflow "+m.Workflow.Name, err)
		}
		same := metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(wf.UID))}
		if err := workflows.Delete(ctx, wf.Name, same); err != nil && !kerrors.IsNotFound(err) {
			return c.explain("delete workflow "+wf.Name, err)
		}
	}
}

// missed reports whether the controller ended a new Workflow because it had not
// heard yet of the template, which was created just before: it learns of both in
// ways of their own.
func (c *Client) missed(ctx context.Context, name, template string) bool {
	var wf *wfv1.Workflow
	err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, c.takeUp, false, func(ctx context.Context) (taken bool, err error) {
		wf, err = c.argo.Workflows(c.namespace).Get(ctx, name, metav1.GetOptions{})
		return err == nil && wf.Status.Phase != "", nil
	})
	return err == nil && wf.Status.Phase == wfv1.WorkflowError && strings.HasSuffix(wf.Status.Message, strconv.Quote(template)+" not found")
}

// putTemplate reports whether it created the template.
func (c *Client) putTemplate(ctx context.Context, t *wfv1.WorkflowTemplate) (fresh bool, err error) {
	_, err = c.argo.WorkflowTemplates(c.namespace).Create(ctx, t, metav1.CreateOptions{})
	if !kerrors.IsAlreadyExists(err) {
		return true, c.explain("create workflow template "+t.Name, err)
	}
	there, err := c.argo.WorkflowTemplates(c.namespace).Get(ctx, t.Name, metav1.GetOptions{})
	if err != nil {
		return false, c.explain("read workflow template "+t.Name, err)
	}
	if !equality.Semantic.DeepEqual(there.Spec, t.Spec) {
		return false, fault.New(fault.Config, fmt.Errorf("workflow template %s was altered in the cluster", t.Name), "delete it, and submit again")
	}
	return false, nil
}

func (c *Client) putCron(ctx context.Context, cron *wfv1.CronWorkflow) error {
	crons := c.argo.CronWorkflows(c.namespace)
	there, err := crons.Get(ctx, cron.Name, metav1.GetOptions{})
	if kerrors.IsNotFound(err) {
		_, err = crons.Create(ctx, cron, metav1.CreateOptions{})
		return c.explain("create cron workflow "+cron.Name, err)
	}
	if err != nil {
		return c.explain("read cron workflow "+cron.Name, err)
	}
	if there.Labels[labelManaged] != "gymline" {
		return fault.New(fault.Config, fmt.Errorf("cron workflow %s in namespace %s is not gymline's", cron.Name, c.namespace), "change metadata.name of the experiment")
	}
	suspended := there.Spec.Suspend // by hand; that is not ours to end
	there.Spec, there.Labels = cron.Spec, cron.Labels
	there.Spec.Suspend = suspended
	_, err = crons.Update(ctx, there, metav1.UpdateOptions{})
	return c.explain("update cron workflow "+cron.Name, err)
}

// find returns the Workflow of a run: the one of its name, or of its scheduled time.
func (c *Client) find(ctx context.Context, id store.RunID) (*wfv1.Workflow, error) {
	wf, err := c.argo.Workflows(c.namespace).Get(ctx, string(id), metav1.GetOptions{})
	if err == nil || !kerrors.IsNotFound(err) {
		return wf, c.explain("read workflow "+string(id), err)
	}
	list, err := c.argo.Workflows(c.namespace).List(ctx, metav1.ListOptions{LabelSelector: labelManaged + "=gymline"})
	if err != nil {
		return nil, c.explain("list workflows", err)
	}
	for i := range list.Items {
		if runOf(&list.Items[i]) == id {
			return &list.Items[i], nil
		}
	}
	return nil, fmt.Errorf("%w %s", ErrNoWorkflow, id)
}

// scheduledAnnotation holds the time that a CronWorkflow's Workflow is for.
const scheduledAnnotation = "workflows.argoproj.io/scheduled-time"

// runOf is the run that a Workflow does.
func runOf(wf *wfv1.Workflow) store.RunID {
	scheduled, err := time.Parse(time.RFC3339, wf.Annotations[scheduledAnnotation])
	if err != nil {
		return store.RunID(wf.Name)
	}
	return ScheduledRun(wf.Labels[labelExperiment], scheduled)
}

// Stop asks the pods to leave and starts nothing more. What was done is kept.
func (c *Client) Stop(ctx context.Context, id store.RunID) error {
	wf, err := c.find(ctx, id)
	if err != nil {
		return err
	}
	_, err = c.argo.Workflows(c.namespace).Patch(ctx, wf.Name, types.MergePatchType, []byte(`{"spec":{"shutdown":"Stop"}}`), metav1.PatchOptions{})
	return c.explain("stop workflow "+wf.Name, err)
}

// explain says what an answer of the cluster means for the user.
func (c *Client) explain(what string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s in namespace %s: %w", what, c.namespace, err)
	switch {
	case kerrors.IsNotFound(err):
		return fault.New(fault.Config, err, "are Argo's custom resources and the namespace installed? see docs/kubernetes.md")
	case kerrors.IsForbidden(err), kerrors.IsUnauthorized(err):
		return fault.New(fault.Config, err, "your account lacks a right: manifests/base has a role for those who submit")
	case kerrors.IsAlreadyExists(err):
		return fault.New(fault.Config, fmt.Errorf("%w: %w", err, ErrTaken), "delete it, or use a namespace for each store")
	case kerrors.IsInvalid(err), kerrors.IsBadRequest(err):
		return fault.New(fault.Config, err, "")
	}
	return fault.New(fault.Temporary, err, "is the cluster reachable? try again")
}
