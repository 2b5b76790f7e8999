//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/store/miniotest"
	"github.com/gymline/gymline/internal/store/s3"
)

// makeKeys makes the bucket, as the store's administrator, and keys that may do in it
// what the shipped policy says: those of pods and of whoever submits.
func (w *world) makeKeys(ctx context.Context) error {
	made, err := s3.Open(ctx, s3.Config{Endpoint: w.Endpoint, Bucket: "gymline", Region: "us-east-1", AccessKey: w.AccessKey, SecretKey: s3.Secret(w.SecretKey)})
	if err != nil {
		return err
	}
	made.Close()
	policy, err := os.ReadFile(filepath.Join(w.root, "manifests/store/policy-whole-bucket.json"))
	if err != nil {
		return err
	}
	w.keys, err = miniotest.Keys(ctx, w.Endpoint, w.AccessKey, w.SecretKey, strings.ReplaceAll(string(policy), "BUCKET", "gymline"))
	return err
}

// odd is part of every prefix: what Argo and kubelet would read in it.
const odd = "/{{workflow.name}} {{=1+1}} $(HOME) $$"

// profile writes an argo profile with a bucket prefix of its own, so that tests
// share no finished work.
func (w *world) profile(t *testing.T, prefix, extra string) string {
	t.Helper()
	file := filepath.Join(w.dir, prefix+".yaml")
	text := fmt.Sprintf(`apiVersion: gymline/v1alpha1
kind: Profile
metadata: {name: e2e}
spec:
  store:
    s3:
      endpoint: %s
      bucket: gymline
      prefix: %q
      accessKey: {env: MINIO_ACCESS_KEY}
      secretKey: {env: MINIO_SECRET_KEY}
      sessionToken: {env: MINIO_TOKEN}
  engine: argo
  parallelism: {shards: 8, inFlight: 64}
  retries: {limit: 4, backoff: 1s, maxBackoff: 5s}
  argo:
    namespace: %s
    image: %s
    secrets:
      MINIO_ACCESS_KEY: {name: gymline-store, key: accessKey}
      MINIO_SECRET_KEY: {name: gymline-store, key: secretKey}
      MINIO_TOKEN: {name: gymline-store, key: token}
      OPENAI_API_KEY: {name: gymline-models, key: openai}
      SIGNING_KEY: {name: gymline-sign, key: key}
    resources:
      default: {requests: {cpu: 10m, memory: 32Mi}, limits: {cpu: "2", memory: 1Gi}}
%s`, w.Endpoint, prefix+odd, namespace, image, extra)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// local writes a profile of the local engine over a store of its own.
func (w *world) local(t *testing.T, name string) string {
	t.Helper()
	file := filepath.Join(w.dir, name+"-local.yaml")
	text := fmt.Sprintf("apiVersion: gymline/v1alpha1\nkind: Profile\nmetadata: {name: local}\nspec:\n  store: {folder: {path: %s}}\n", filepath.Join(w.dir, name+"-store"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
