package argo

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/gymline/gymline/internal/engine"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
)

// binary is gymline's place in its image.
const binary = "/gymline"

// user is the one that pods run as: "nonroot" of distroless images.
const user = 65532

// retry says which ends of a container are worth another attempt: our own
// temporary failures, and what the cluster did to the pod: -1 is one that never ran.
// A pod that lives past its deadline counts too: the deadline is of an attempt. One
// that is evicted for what it wrote would only write it again.
var retry = fmt.Sprintf(`(lastRetry.status == "Error" || asInt(lastRetry.exitCode) in [-1, %d, %d, 137, 143]) && not (lastRetry.message matches "%s")`,
	fault.Temporary, fault.Interrupted, strings.Join(overfull, "|"))

func podSecurity() *corev1.PodSecurityContext {
	return &corev1.PodSecurityContext{
		RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To(int64(user)), RunAsGroup: ptr.To(int64(user)), FSGroup: ptr.To(int64(user)),
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

func containerSecurity() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
		Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
}

// step returns the templates of a step: of its pods, and of what goes ahead of them.
func (b *builder) step(s *plan.Step) ([]wfv1.Template, error) {
	t := b.pod(string(s.Name), engine.Args(b.run, s, "{{inputs.parameters.shard}}", b.config.pods(s)), s)
	t.Inputs.Parameters = []wfv1.Parameter{{Name: "shard"}}
	b.waits(&t, s)
	training, ok := training(s)
	if !ok {
		return []wfv1.Template{t}, nil
	}
	deadline, err := time.ParseDuration(training.Deadline)
	if err != nil {
		return nil, fmt.Errorf("step %s: deadline: %w", s.Name, err)
	}
	// The job itself keeps the deadline; the pod's is for a job that does not.
	t.ActiveDeadlineSeconds = ptr.To(intstr.FromInt32(int32((deadline + 10*time.Minute).Seconds())))
	switch training.Kind {
	case plan.TrainCommand:
		return nil, fault.New(fault.Config, fmt.Errorf("step %s: a command trains on the engine local alone", s.Name), "use container, trainJob or external")
	case plan.TrainContainer:
		b.apart(&t, training.Image)
	case plan.TrainTrainJob:
		create, err := b.trainJob(s, training)
		if err != nil {
			return nil, err
		}
		return []wfv1.Template{b.look(s), create, t}, nil
	}
	if ahead := b.ahead(s); ahead != "" {
		return []wfv1.Template{b.look(s), {Name: ahead, Suspend: &wfv1.SuspendTemplate{Duration: fmt.Sprint(int64(deadline.Seconds()))}}, t}, nil
	}
	return []wfv1.Template{t}, nil
}

// look prints whether a hand-off's checkpoint is "there" or "missing", so that a
// run that reuses one neither waits for nor pays for another.
func (b *builder) look(s *plan.Step) wfv1.Template {
	t := b.pod(lookPrefix+string(s.Name), []string{"look", "--run", b.run, "--step", string(s.Name)}, nil)
	b.waits(&t, s)
	return t
}

// waits lets pods tell webhooks that a step waits for somebody outside.
func (b *builder) waits(t *wfv1.Template, s *plan.Step) {
	if training, ok := training(s); ok && training.Kind == plan.TrainExternal {
		b.tells(t, nil)
	}
}

// tells gives the pods of a template what webhooks want, and more.
func (b *builder) tells(t *wfv1.Template, more []engine.Variable) {
	if len(b.config.Notify)+len(more) == 0 {
		return
	}
	t.Container.Env = append(t.Container.Env, literals(b.environment(slices.Concat(b.config.Notify, more)))...)
	t.Metadata.Labels[labelToWebhooks] = "true"
}

// signs gives a pod the key that signs runs. A Secret that is not there keeps none from
// starting: the pod that opens a run says so, and the one that seals it has to.
func (b *builder) signs(t *wfv1.Template) {
	name := b.config.SignKey
	if name == "" {
		return
	}
	v := fromSecret(name, b.config.Secrets[name])
	v.ValueFrom.SecretKeyRef.Optional = ptr.To(true)
	t.Container.Env = append(t.Container.Env, v)
}

// pod is the template of a pod that runs gymline. step is nil for one that needs
// the store alone.
func (b *builder) pod(name string, args []string, step *plan.Step) wfv1.Template {
	return wfv1.Template{
		Name: name, Metadata: wfv1.Metadata{Labels: b.labels(name)},
		Container: &corev1.Container{
			Image: b.config.Image, ImagePullPolicy: corev1.PullPolicy(b.config.PullPolicy),
			Command: []string{binary}, Args: args, Env: literals(b.env(step)),
			SecurityContext: containerSecurity(), Resources: b.bounded(b.resources(name), name),
			VolumeMounts: []corev1.VolumeMount{{Name: "tmp", MountPath: "/tmp"}},
		},
		Volumes:               []corev1.Volume{emptyDir("tmp", b.scratch(name))},
		ActiveDeadlineSeconds: ptr.To(intstr.FromInt32(int32(b.config.Deadline.Seconds()))),
		RetryStrategy: &wfv1.RetryStrategy{
			Limit: ptr.To(intstr.FromInt32(int32(b.config.Retries))), RetryPolicy: wfv1.RetryPolicyAlways, Expression: retry,
			Backoff: &wfv1.Backoff{Duration: b.config.Backoff.String(), Factor: ptr.To(intstr.FromInt32(2)), Cap: b.config.MaxBackoff.String()},
		},
	}
}

func (b *builder) env(step *plan.Step) []corev1.EnvVar { return b.environment(b.config.Env(step)) }

func (b *builder) environment(vars []engine.Variable) (env []corev1.EnvVar) {
	for _, v := range vars {
		if v.Secret != "" {
			env = append(env, fromSecret(v.Name, b.config.Secrets[v.Secret]))
			continue
		}
		env = append(env, corev1.EnvVar{Name: v.Name, Value: v.Value})
	}
	return env
}

// trainerEnv is the environment of a step with a trainer's keys in place of its own.
func (b *builder) trainerEnv(step *plan.Step) []corev1.EnvVar {
	env := slices.DeleteFunc(b.env(step), func(v corev1.EnvVar) bool { return v.ValueFrom != nil })
	for _, name := range slices.Sorted(maps.Keys(b.config.TrainerKeys)) {
		env = append(env, fromSecret(name, b.config.TrainerKeys[name]))
	}
	return env
}

func fromSecret(variable string, key SecretKey) corev1.EnvVar {
	return corev1.EnvVar{Name: variable, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: key.Name}, Key: key.Key,
	}}}
}

func (b *builder) resources(step string) corev1.ResourceRequirements {
	r, ok := b.config.Resources[step]
	if !ok {
		r = b.config.Resources["default"]
	}
	return corev1.ResourceRequirements{Requests: quantities(r.Requests), Limits: quantities(r.Limits)}
}

// quantities are in the form that the profile's checks let through.
func quantities(list map[string]string) corev1.ResourceList {
	out := corev1.ResourceList{}
	for _, name := range slices.Sorted(maps.Keys(list)) {
		out[corev1.ResourceName(name)] = resource.MustParse(list[name])
	}
	return out
}

// initsFolder lets Argo's init container, whose root is read-only, lay out a manifest.
const initsFolder = `{"initContainers":[{"name":"init","volumeMounts":[{"name":"tmp-dir-argo","mountPath":"/tmp"}]}]}`

// trainJob creates a TrainJob of Kubeflow Trainer v2, which goes with its Workflow.
// The step behind it waits for the checkpoint that its image puts into the store.
func (b *builder) trainJob(s *plan.Step, t plan.Train) (wfv1.Template, error) {
	if len(b.config.TrainerKeys) == 0 {
		return wfv1.Template{}, fault.New(fault.Config, fmt.Errorf("step %s: a TrainJob is not given the store's own keys, and there are no others", s.Name), "name others by spec.argo.trainerKeys of the profile")
	}
	env := []any{map[string]any{"name": "GYMLINE_RUN", "value": b.run}}
	for _, v := range append(b.trainerEnv(s), corev1.EnvVar{Name: "GYMLINE_TRAINING", Value: t.Name}, corev1.EnvVar{Name: "GYMLINE_BASE", Value: t.Base}) {
		v.Value = literal(v.Value)
		env = append(env, inert{v})
	}
	var command []string
	for _, word := range t.Command {
		command = append(command, literal(word))
	}
	// Argo's setOwnerReference would decode the manifest before it is done replacing.
	owner := map[string]any{"apiVersion": apiVersion, "kind": "Workflow", "name": "{{workflow.name}}", "uid": "{{workflow.uid}}", "controller": true}
	text, err := json.MarshalIndent(map[string]any{
		"apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainJob",
		"metadata": map[string]any{"generateName": string(s.Name) + "-", "namespace": b.config.Namespace, "ownerReferences": []any{owner}},
		"spec": map[string]any{
			"runtimeRef": inert{map[string]any{"name": t.Runtime}},
			"trainer": map[string]any{
				"image": inert{t.Image}, "command": inert{command}, "numNodes": t.Nodes, "env": env,
				"resourcesPerNode": b.resources(string(s.Name)),
			},
		},
	}, "", "  ")
	if err != nil {
		return wfv1.Template{}, err
	}
	return wfv1.Template{
		Name: b.ahead(s), Resource: &wfv1.ResourceTemplate{Action: "create", Manifest: string(text)}, PodSpecPatch: initsFolder,
		Metadata:              wfv1.Metadata{Labels: b.labels(b.ahead(s))},
		ActiveDeadlineSeconds: ptr.To(intstr.FromInt32(int32(b.config.Deadline.Seconds()))),
		RetryStrategy: &wfv1.RetryStrategy{
			Limit: ptr.To(intstr.FromInt32(int32(b.config.Retries))), RetryPolicy: wfv1.RetryPolicyOnTransientError,
		},
	}, nil
}
