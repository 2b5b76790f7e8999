package argo

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	wfutil "github.com/argoproj/argo-workflows/v3/workflow/util"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// containers are all that a template's pod runs, as it says.
func containers(t *wfv1.Template) []corev1.Container {
	var list []corev1.Container
	for _, c := range t.InitContainers {
		list = append(list, c.Container)
	}
	for _, c := range t.Sidecars {
		list = append(list, c.Container)
	}
	if t.Container != nil {
		list = append(list, *t.Container)
	}
	return list
}

// No container of another image than gymline's has a key, or a volume with one, or
// the folder by which Argo steers its containers.
func TestNoKeyReachesATrainer(t *testing.T) {
	t.Parallel()
	c := config()
	m := compile(t, shipped(t, "handoff", trainers), c)
	found := 0
	for i := range m.Template.Spec.Templates {
		template := &m.Template.Spec.Templates[i]
		for _, v := range template.Volumes {
			if v.EmptyDir == nil {
				t.Errorf("template %s has the volume %s, which is more than an empty folder", template.Name, v.Name)
			}
		}
		for _, container := range containers(template) {
			if container.Image == c.Image {
				continue
			}
			found++
			if len(container.Env) > 0 || len(container.EnvFrom) > 0 || len(container.VolumeDevices) > 0 {
				t.Errorf("%s of %s has an environment: %v, %v", container.Name, template.Name, container.Env, container.EnvFrom)
			}
			for _, mount := range container.VolumeMounts {
				if !slices.Contains([]string{"/tmp", "/opt/gymline", "/handoff"}, mount.MountPath) || mount.MountPath == "/opt/gymline" && !mount.ReadOnly {
					t.Errorf("%s of %s mounts %+v", container.Name, template.Name, mount)
				}
				if mount.MountPath == "/tmp" && mount.SubPath != "tmp" || mount.MountPath != "/tmp" && mount.SubPath != "" {
					t.Errorf("%s of %s mounts %+v", container.Name, template.Name, mount)
				}
				if mount.Name != "handoff" && slices.ContainsFunc(template.Container.VolumeMounts, func(other corev1.VolumeMount) bool { return other.Name == mount.Name }) {
					t.Errorf("%s of %s shares %s with the job", container.Name, template.Name, mount.MountPath)
				}
			}
			if text := strings.Join(append(container.Args, container.Command...), " "); strings.Contains(text, "gymline-store") || container.ReadinessProbe != nil {
				t.Errorf("%s of %s runs %s", container.Name, template.Name, text)
			}
		}
	}
	if found != 1 {
		t.Errorf("%d containers of a trainer's image were looked at", found)
	}
}

// Argo, which mounts its folder in every container, takes it from the trainer's by
// the patch, and changes nothing else: asked of its own code.
func TestArgosFolderIsTakenFromTheTrainer(t *testing.T) {
	t.Parallel()
	template := compile(t, shipped(t, "handoff", trainers), config()).template("train-agent")
	argos := corev1.VolumeMount{Name: "var-run-argo", MountPath: argoFolder}
	pod := corev1.PodSpec{InitContainers: []corev1.Container{{Name: "init", Image: "argoexec"}}}
	for _, c := range template.InitContainers {
		pod.InitContainers = append(pod.InitContainers, c.Container)
	}
	for i := range pod.InitContainers {
		pod.InitContainers[i].VolumeMounts = append(slices.Clone(pod.InitContainers[i].VolumeMounts), argos)
	}
	pod.Containers = []corev1.Container{{Name: "wait"}, *template.Container}
	pod.Containers[1].Name = "main"
	got, err := wfutil.ApplyPodSpecPatch(pod, template.PodSpecPatch)
	if err != nil {
		t.Fatal(err)
	}
	want := pod.DeepCopy()
	want.ShareProcessNamespace = new(bool)
	trainer := &want.InitContainers[2]
	always := corev1.ContainerRestartPolicyAlways
	trainer.RestartPolicy = &always
	trainer.VolumeMounts = slices.DeleteFunc(trainer.VolumeMounts, func(m corev1.VolumeMount) bool { return m == argos })
	if a, b := must(json.Marshal(got)), must(json.Marshal(want)); string(a) != string(b) {
		t.Errorf("Argo's pod is\n%s\nwant\n%s", a, b)
	}
	if trainer.Name != trainerContainer || len(trainer.VolumeMounts) != 3 {
		t.Errorf("%+v", trainer)
	}
}

// A controller that holds a Workflow to its template compares both as text, in which
// some values stand by their address: none of those is in a manifest.
func TestTheSpecStaysTheSame(t *testing.T) {
	t.Parallel()
	m := compile(t, shipped(t, "handoff", trainers), config())
	joined := func() *wfv1.Workflow {
		wf, err := wfutil.JoinWorkflowSpec(&m.Workflow.Spec, &reread(t, m.Template).Spec, &wfv1.WorkflowSpec{})
		if err != nil {
			t.Fatal(err)
		}
		return wf
	}
	if stored := reread(t, joined()); stored.Spec.String() != joined().Spec.String() {
		t.Error("Argo takes the spec for a changed one")
	}
}

// Why a trainer's container waits is told, of which Argo knows nothing, and what it
// says can be read.
func TestATrainersContainerIsSeen(t *testing.T) {
	t.Parallel()
	p := shipped(t, "handoff", trainers)
	wf := &wfv1.Workflow{ObjectMeta: metav1.ObjectMeta{Name: "handoff-3", Namespace: "gymline"}}
	wf.Status.StoredWorkflowSpec = &compile(t, p, config()).Template.Spec
	wf.Status.Phase, wf.Status.Nodes = wfv1.WorkflowRunning, wfv1.Nodes{}
	for _, step := range []string{"train-agent", "reward"} {
		wf.Status.Nodes[step] = wfv1.NodeStatus{
			ID: step, Name: "handoff-3." + step + "(0:0)(0)", Type: wfv1.NodeTypePod, TemplateName: step, Phase: wfv1.NodePending, Message: "PodInitializing",
		}
	}
	waiting := corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "no such image"}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/log") {
			_, _ = io.WriteString(w, "the log of "+r.URL.Query().Get("container"))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, Status: corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{
			{Name: "init"}, {Name: trainerContainer, State: corev1.ContainerState{Waiting: &waiting}},
		}}})
	}))
	t.Cleanup(server.Close)
	client, _ := newClient(t, wf)
	client.core = must(newCore(rest.Config{Host: server.URL}))
	client.names["train-agent"], client.names["reward"] = "pod-1", "pod-2"
	for reason, want := range map[string]string{"ImagePullBackOff": "the trainer's container: ImagePullBackOff: no such image", "PodInitializing": "PodInitializing"} {
		waiting.Reason = reason
		state, err := client.State(t.Context(), "handoff-3")
		if err != nil || len(state.Pods) != 2 {
			t.Fatalf("%+v, %v", state, err)
		}
		for _, pod := range state.Pods {
			if training := pod.Step == "train-agent"; pod.Trainer != training || training && pod.Message != want || !training && pod.Message != "PodInitializing" {
				t.Errorf("%+v, want %s", pod, want)
			}
		}
	}
	r, err := client.TrainerLog(t.Context(), "pod-1", false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if said, err := io.ReadAll(r); string(said) != "the log of trainer" || err != nil {
		t.Errorf("%q, %v", said, err)
	}
}
