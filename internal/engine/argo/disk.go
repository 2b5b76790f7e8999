package argo

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// This file bounds what pods take of their node's disk. A pod that takes more is
// evicted, rather than one that happens to be beside it.

// What a pod may take unless the profile says otherwise. A job spools what it
// writes, so that outputs of some GB fit; a trainer holds an export, a base model
// and checkpoints.
const (
	scratchOfJob     = "16Gi"
	scratchOfTrainer = "256Gi"
	scratchKept      = "256Mi" // what is kept for it ahead: most jobs take next to nothing
)

// besides is for what is not in the folder of temporary files, such as the log;
// installed, for gymline's binary in a trainer's pod, is a part of it.
var besides, installed = resource.MustParse("1Gi"), resource.MustParse("512Mi")

// argoVolumes bounds the volumes that Argo adds to each pod: one holds a copy of
// its executor, which is some 120 MB.
const argoVolumes = `{"volumes":[{"name":"var-run-argo","emptyDir":{"sizeLimit":"512Mi"}},{"name":"tmp-dir-argo","emptyDir":{"sizeLimit":"512Mi"}}]}`

// scratch is the room for the temporary files of a template's pods.
func (b *builder) scratch(template string) resource.Quantity {
	for _, name := range []string{template, "default"} {
		if size, ok := b.config.Scratch[name]; ok {
			return resource.MustParse(size)
		}
	}
	if s := b.plan.Step(store.StepName(template)); s != nil {
		if t, ok := training(s); ok && t.Kind == plan.TrainContainer {
			return resource.MustParse(scratchOfTrainer)
		}
	}
	return resource.MustParse(scratchOfJob)
}

// bounded are resources with what a template's pods may take of the disk, unless
// they say so themselves.
func (b *builder) bounded(r corev1.ResourceRequirements, template string) corev1.ResourceRequirements {
	most := b.scratch(template)
	kept := resource.MustParse(scratchKept)
	if most.Cmp(kept) < 0 {
		kept = most.DeepCopy()
	}
	most.Add(besides)
	for list, size := range map[*corev1.ResourceList]resource.Quantity{&r.Requests: kept, &r.Limits: most} {
		if _, there := (*list)[corev1.ResourceEphemeralStorage]; !there {
			(*list)[corev1.ResourceEphemeralStorage] = size
		}
	}
	return r
}

func emptyDir(name string, size resource.Quantity) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &size}}}
}

// overfull are what kubelet says of a pod that it evicts for what the pod itself
// took, and not because its node is short of something.
var overfull = []string{"Usage of EmptyDir volume", "ephemeral local storage usage exceeds", "exceeded its local ephemeral storage limit"}

// Overfull reports whether a pod took more of its node's disk than it may: it
// would do so again.
func (p Pod) Overfull() bool {
	for _, says := range overfull {
		if strings.Contains(p.Message, says) {
			return true
		}
	}
	return false
}
