//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/gymline/gymline/internal/store/miniotest"
	"github.com/gymline/gymline/internal/store/s3"
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
	profile := w.profile(t, "trainjob", "    trainerKeys: {accessKey: {name: gymline-trainer, key: accessKey}, secretKey: {name: gymline-trainer, key: secretKey}}\n")
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
					Env     []corev1.EnvVar
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
	env, keys := map[string]string{}, 0
	for _, v := range job.Spec.Trainer.Env {
		if env[v.Name] = v.Value; v.ValueFrom == nil {
			continue
		}
		if keys++; v.ValueFrom.SecretKeyRef.Name != "gymline-trainer" {
			t.Errorf("%s comes from %+v", v.Name, v.ValueFrom.SecretKeyRef)
		}
	}
	if keys != 2 || strings.Contains(out, "gymline-store") || strings.Contains(out, w.keys.SecretAccessKey) {
		t.Errorf("%d keys in %s", keys, out)
	}
	if env["GYMLINE_RUN"] != run || env["GYMLINE_BASE"] != "{{workflow.uid}}" || env["GYMLINE_STORE_PREFIX"] != "trainjob/{{workflow.name}} {{=1+1}} $$(HOME) $$$$" {
		t.Errorf("environment %q", env)
	}
	if got := fmt.Sprint(job.Metadata.OwnerReferences); got != "[{Workflow "+run+"}]" {
		t.Errorf("it belongs to %s", got)
	}
	w.handIn(t, run, strings.ReplaceAll(env["GYMLINE_STORE_PREFIX"], "$$", "$"))
	w.succeeds(t, profile, run, 6*time.Minute)
}

// handIn does what the pods of a TrainJob do, with keys that may no more than theirs.
func (w *world) handIn(t *testing.T, run, prefix string) {
	t.Helper()
	server := &miniotest.Server{Endpoint: w.Endpoint, AccessKey: w.AccessKey, SecretKey: s3.Secret(w.SecretKey)}
	keys := server.Least(t, "gymline", prefix, "policy-trainer.json")
	for _, args := range [][]string{{"fetch", run, "finetune-export", filepath.Join(t.TempDir(), "export")}, {"checkpoint", "put", run, "agent", w.checkpoint(t)}} {
		cmd := exec.CommandContext(t.Context(), w.gymline, args...)
		cmd.Env = []string{
			"GYMLINE_STORE_ENDPOINT=" + w.Endpoint, "GYMLINE_STORE_BUCKET=gymline", "GYMLINE_STORE_PREFIX=" + prefix, "GYMLINE_STORE_REGION=us-east-1",
			"AWS_ACCESS_KEY_ID=" + keys.AccessKey, "AWS_SECRET_ACCESS_KEY=" + string(keys.SecretKey), "AWS_SESSION_TOKEN=" + string(keys.SessionToken),
			"GYMLINE_RUN=" + run, "GYMLINE_TRAINING=agent",
		}
		out, err := cmd.CombinedOutput()
		if t.Logf("%s: %s", args[0], out); err != nil {
			t.Fatal(err)
		}
	}
}
