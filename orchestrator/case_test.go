package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gymline/gymline/internal/store/miniotest"
)

// An auditor has a copy of the bucket and a public key, and nothing else: every question of
// docs/audit.md's case is answered by one command. The team's store is a folder, and then a
// bucket of a MinIO server, whose runs come as archives.
func TestAuditorsCase(t *testing.T) {
	t.Parallel()
	unshared(t)
	models := map[string]string{"MODELS_URL": newModelServer(t).http.URL, "PAID_KEY": canary}
	t.Run("folder", func(t *testing.T) {
		t.Parallel()
		auditorsCase(t, models)
	})
	t.Run("MinIO", func(t *testing.T) {
		t.Parallel()
		server := miniotest.Start(t)
		vars := map[string]string{"MINIO_URL": server.Endpoint, "MINIO_USER": server.AccessKey, "MINIO_PASSWORD": string(server.SecretKey)}
		for name, value := range models {
			vars[name] = value
		}
		auditorsCase(t, vars)
	})
}

func auditorsCase(t *testing.T, vars map[string]string) {
	p := scripted(t, vars)
	p.Files = []string{"testdata/case.txtar"}
	testscript.Run(t, p)
}

// auditor CODE gymline ARG… runs a command of docs/audit.md without environment and network;
// it must end with that exit code.
func byAuditor(root string) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) < 3 {
			ts.Fatalf("usage: auditor CODE gymline ARG…")
		}
		text, err := os.ReadFile(filepath.Join(root, "docs", "audit.md"))
		ts.Check(err)
		if line := "\n$ " + strings.Join(args[1:], " ") + "\n"; !strings.Contains(string(text), line) {
			ts.Fatalf("docs/audit.md has no line %q", line[1:])
		}
		apart := []string{args[0], "unshare", "-n", "env", "-i", "PATH=" + ts.Getenv("PATH"), "GORACE=" + ts.Getenv("GORACE")}
		exits(ts, false, append(apart, args[1:]...))
	}
}
