package argo

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

// Every volume of a pod is bounded, Argo's two as well, and so is what its
// containers take: a pod with full volumes is within what it may take in all.
func TestDiskIsBounded(t *testing.T) {
	t.Parallel()
	c := config()
	c.Scratch = map[string]string{"predict": "100Mi", "train-agent": "1Ti"}
	m := compile(t, shipped(t, "handoff", trainers), c)
	seen := map[string]string{}
	for i := range m.Template.Spec.Templates {
		of := &m.Template.Spec.Templates[i]
		if of.Container == nil {
			continue
		}
		var volumes resource.Quantity
		for _, v := range argosPod(t, m, of.Volumes).Volumes {
			if v.EmptyDir == nil || v.EmptyDir.SizeLimit == nil {
				t.Fatalf("%s: the volume %s has no bound", of.Name, v.Name)
			}
			if volumes.Add(*v.EmptyDir.SizeLimit); v.Name == "tmp" {
				seen[of.Name] = v.EmptyDir.SizeLimit.String()
			}
		}
		most, kept := of.Container.Resources.Limits.StorageEphemeral(), of.Container.Resources.Requests.StorageEphemeral()
		all := most.DeepCopy()
		for _, c := range of.InitContainers {
			if c.Name == trainerContainer { // which goes on beside the job
				all.Add(*c.Resources.Limits.StorageEphemeral())
			}
		}
		if all.Add(resource.MustParse("1Gi")); all.Cmp(volumes) < 0 || most.Cmp(*kept) < 0 || kept.IsZero() { // with what the ConfigMap gives Argo's container
			t.Errorf("%s: volumes of %s in a pod of %s, for which %s are kept", of.Name, volumes.String(), all.String(), kept)
		}
	}
	want := map[string]string{
		"open": "16Gi", "seal": "16Gi", "generate": "16Gi", "finetune-export": "16Gi", "predict": "100Mi", "evaluate": "16Gi", "report": "16Gi",
		"train-agent": "1Ti", "train-job": "16Gi", "look-train-job": "16Gi",
	}
	if !maps.Equal(seen, want) {
		t.Errorf("room for temporary files: %v\nwant %v", seen, want)
	}
	m = compile(t, shipped(t, "handoff", trainers), config())
	if got := m.template("train-agent").Volumes[0].EmptyDir.SizeLimit.String(); got != "256Gi" {
		t.Errorf("a trainer has %s", got)
	}
	c.Scratch = map[string]string{"default": "2Gi"}
	c.Resources["report"] = Resources{Requests: map[string]string{"ephemeral-storage": "1Gi"}, Limits: map[string]string{"ephemeral-storage": "5Gi"}}
	m = compile(t, shipped(t, "handoff", trainers), c)
	given := m.template("report").Container.Resources
	if m.template("train-agent").Volumes[0].EmptyDir.SizeLimit.String() != "2Gi" || given.Requests.StorageEphemeral().String() != "1Gi" || given.Limits.StorageEphemeral().String() != "5Gi" {
		t.Errorf("what the profile says does not hold: %v", given)
	}
}

// argosPod is a pod with Argo's volumes and ours, as Argo patches it.
func argosPod(t *testing.T, m *Manifests, volumes []corev1.Volume) corev1.PodSpec {
	t.Helper()
	pod := corev1.PodSpec{Volumes: slices.Clone(volumes)}
	for _, name := range []string{"var-run-argo", "tmp-dir-argo"} {
		pod.Volumes = append(pod.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	}
	patched := must(strategicpatch.StrategicMergePatch(must(json.Marshal(pod)), []byte(m.Template.Spec.PodSpecPatch), corev1.PodSpec{}))
	pod = corev1.PodSpec{}
	if err := json.Unmarshal(patched, &pod); err != nil {
		t.Fatal(err)
	}
	if len(pod.Volumes) != len(volumes)+2 {
		t.Fatalf("%d volumes", len(pod.Volumes))
	}
	return pod
}
