package argo

import (
	"fmt"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	corev1 "k8s.io/api/core/v1"

	"github.com/gymline/gymline/internal/engine"
)

// A trainer of the kind container has a container of its own in the pod of its job:
//
//   - gymline copies its binary to where the trainer's container finds it;
//   - trainer runs that binary, which waits for the job's order, in the trainer's image;
//   - main is the job, as everywhere, with the store's keys.
//
// The trainer's is a sidecar as Kubernetes has them, an init container that goes on,
// and none of Argo's, since those share a folder with all containers of their pod
// (argoFolder) from which Argo runs a program in main when a run is stopped: who could
// write there would get main's keys. The patch takes that folder away again.
const (
	trainerContainer = "trainer"
	carried          = "/opt/gymline/gymline" // gymline's place beside a trainer's image
	handOff          = "/handoff"             // the folder of both
	argoFolder       = "/var/run/argo"
)

// trainerPatch is what a template cannot say: no common processes, and none of Argo's
// files. restartPolicy is here because a controller that takes no changed spec compares
// it, in a template, by its address. The patch holds no text of an experiment's.
const trainerPatch = `{"shareProcessNamespace":false,"initContainers":[{"name":"` + trainerContainer +
	`","restartPolicy":"Always","volumeMounts":[{"$patch":"delete","mountPath":"` + argoFolder + `"}]}]}`

// skipContainers keeps EKS from giving the pod's role to the trainer.
const skipContainers = "eks.amazonaws.com/skip-containers"

// apart gives a job's trainer a container of its own.
func (b *builder) apart(t *wfv1.Template, image string) {
	mount := func(volume, path string) corev1.VolumeMount {
		return corev1.VolumeMount{Name: volume, MountPath: path}
	}
	pull, main := corev1.PullPolicy(b.config.PullPolicy), t.Container
	training := main.Resources
	main.Resources = b.bounded(b.resources("default"), t.Name)
	install := corev1.Container{
		Name: "gymline", Image: b.config.Image, ImagePullPolicy: pull, Command: []string{binary}, Args: []string{"install", carried},
		SecurityContext: containerSecurity(), Resources: main.Resources, VolumeMounts: []corev1.VolumeMount{mount("gymline", "/opt/gymline")},
	}
	trainer := corev1.Container{
		Name: trainerContainer, Image: image, ImagePullPolicy: pull,
		Command: []string{carried}, Args: []string{"attend", handOff, "--apart-from", argoFolder},
		SecurityContext: containerSecurity(), Resources: training,
		VolumeMounts: []corev1.VolumeMount{
			mount("handoff", handOff), {Name: "handoff", MountPath: "/tmp", SubPath: "tmp"}, {Name: "gymline", MountPath: "/opt/gymline", ReadOnly: true},
		},
	}
	t.InitContainers = []wfv1.UserContainer{{Container: install}, {Container: trainer}}
	main.Env = append(main.Env, corev1.EnvVar{Name: engine.HandOff, Value: handOff})
	main.VolumeMounts = append(main.VolumeMounts, mount("handoff", handOff))
	t.Volumes = append(t.Volumes, emptyDir("gymline", installed), emptyDir("handoff", b.scratch(t.Name)))
	t.PodSpecPatch = trainerPatch
	t.Metadata.Annotations = map[string]string{skipContainers: trainerContainer}
	// A trainer that never started has used up the deadline, which is of all attempts.
	t.RetryStrategy.Expression = fmt.Sprintf("(%s) && asFloat(lastRetry.duration) < %d", retry, t.ActiveDeadlineSeconds.IntValue())
}
