//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// trainJobs lets the cluster keep TrainJobs. Kubeflow's controller is not there.
const trainJobs = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: trainjobs.trainer.kubeflow.org}
spec:
  group: trainer.kubeflow.org
  scope: Namespaced
  names: {kind: TrainJob, listKind: TrainJobList, plural: trainjobs, singular: trainjob}
  versions:
    - name: v1alpha1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

// A TrainJob is created as the experiment says, whatever Argo and kubelet would
// read in its texts, belongs to its Workflow, and the run waits for its checkpoint.
func TestTrainJobHandOff(t *testing.T) {
	t.Parallel()
	w := shared
	if err := w.Apply(t.Context(), trainJobs); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Kubectl(t.Context(), "wait", "--for=condition=Established", "crd/trainjobs.trainer.kubeflow.org", "--timeout=60s"); err != nil {
		t.Fatal(err)
	}
	if err := w.ApplyFile(t.Context(), filepath.Join(w.root, "manifests/components/trainjob/role.yaml")); err != nil {
		t.Fatal(err)
	}
	command := []string{"sh", "-c", "echo {{workflow.name}} {{=1+1}} {{ }} $(ARGO_NODE_ID) $$ ${HOME} é \"x\" \\"}
	training, err := json.Marshal(map[string]any{
		"base": "{{workflow.uid}}", "trainJob": map[string]any{"runtime": "torch", "image": "local.test/trainer:1", "command": command},
	})
	if err != nil {
		t.Fatal(err)
	}
	profile := w.profile(t, "trainjob", "")
	run := w.submit(t, w.config("handoff.yaml"), "--set", "train.agent="+string(training), "--profile", profile)
	w.until(t, profile, run, "waiting for a checkpoint", 4*time.Minute, waits)
	out, err := w.Kubectl(t.Context(), "get", "-n", namespace, "trainjobs", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Items []struct {
			Metadata struct {
				OwnerReferences []struct{ Kind, Name string }
			}
			Spec struct {
				Trainer struct {
					Command []string
					Env     []struct{ Name, Value string }
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list.Items) != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	// Kubelet makes one dollar of two.
	job, want := list.Items[0], []string{"sh", "-c", "echo {{workflow.name}} {{=1+1}} {{ }} $$(ARGO_NODE_ID) $$$$ $${HOME} é \"x\" \\"}
	if !slices.Equal(job.Spec.Trainer.Command, want) {
		t.Errorf("command %q\nwant    %q", job.Spec.Trainer.Command, want)
	}
	env := map[string]string{}
	for _, v := range job.Spec.Trainer.Env {
		env[v.Name] = v.Value
	}
	if env["GYMLINE_RUN"] != run || env["GYMLINE_BASE"] != "{{workflow.uid}}" || env["GYMLINE_STORE_PREFIX"] != "trainjob/{{workflow.name}} {{=1+1}} $$(HOME) $$$$" {
		t.Errorf("environment %q", env)
	}
	if got := fmt.Sprint(job.Metadata.OwnerReferences); got != "[{Workflow "+run+"}]" {
		t.Errorf("it belongs to %s", got)
	}
	w.must(t, "checkpoint", "put", run, "agent", w.checkpoint(t), "--profile", profile)
	w.succeeds(t, profile, run, 6*time.Minute)
}
