package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/store/miniotest"
	"github.com/gymline/gymline/internal/store/s3"
)

// The scripts run the test binary as gymline, children and all. Tests that run
// at the same time share the key of their model servers.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != "gymline" {
		os.Setenv("PAID_KEY", canary)
	}
	testscript.Main(m, map[string]func(){"gymline": func() {
		if every, err := time.ParseDuration(os.Getenv("GYMLINE_TEST_LOOK")); err == nil {
			lookEvery, sweepFor = every, 2*time.Second
		}
		os.Exit(gymline(cli.System()))
	}})
}

// repo is the root of the checkout.
func repo(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestScripts(t *testing.T) {
	t.Parallel()
	scripts(t, "testdata/script", nil)
}

// The same against a real MinIO server.
func TestMinIOScripts(t *testing.T) {
	t.Parallel()
	server := miniotest.Start(t)
	made, err := s3.Open(t.Context(), server.Config("least"))
	if err != nil {
		t.Fatal(err)
	}
	made.Close()
	least := server.Least(t, "least", "team-a", "policy.json")
	trainer := server.Least(t, "least", "team-a", "policy-trainer.json")
	scripts(t, "testdata/minio", map[string]string{
		"MINIO_URL": server.Endpoint, "MINIO_USER": server.AccessKey, "MINIO_PASSWORD": string(server.SecretKey),
		"LEAST_USER": least.AccessKey, "LEAST_PASSWORD": string(least.SecretKey), "LEAST_TOKEN": string(least.SessionToken),
		"TRAINER_USER": trainer.AccessKey, "TRAINER_PASSWORD": string(trainer.SecretKey), "TRAINER_TOKEN": string(trainer.SessionToken),
		"TRAIN": "train.agent={trainJob: {runtime: torch-distributed, image: 'example.com/trainer:v1', command: [sh, train.sh]}}",
	})
}

func scripts(t *testing.T, dir string, vars map[string]string) {
	p := scripted(t, vars)
	p.Dir = dir
	testscript.Run(t, p)
}

// scripted is what scripts may use.
func scripted(t *testing.T, vars map[string]string) testscript.Params {
	root := repo(t)
	return testscript.Params{
		Setup: func(env *testscript.Env) error {
			env.Setenv("CONFIGS", filepath.Join(root, "configs"))
			env.Setenv("STAMP", filepath.Join(root, "internal", "audit", "stamp", "testdata", "stamp.sh"))
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			env.Setenv("GYMLINE_LOG", "warn")
			env.Setenv("WRONG_SECRET", "canary-secret-value")
			env.Setenv("PROACTIVEBENCH", proactiveBench(root))
			for name, value := range vars {
				env.Setenv(name, value)
			}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"auditor":    byAuditor(root),
			"digests":    digests,
			"digests-of": digestsOf,
			"envsubst":   envsubst,
			"exits":      exits,
			"readme":     readme(root),
			"grow":       grow,
			"private":    private,
			"until":      until,
			"smalldisk":  smallDisk(t),
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "proactivebench":
				return proactiveBench(root) != "", nil
			case "minio":
				return vars["MINIO_URL"] != "", nil
			}
			return false, fmt.Errorf("unknown condition %s", cond)
		},
	}
}

// digests RUN FILE writes "step/shard/output digest rows" lines of a run's artifacts.
func digests(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: digests RUN FILE")
	}
	writeDigests(ts, args[1], "show", args[0], "-o", "json")
}

// digests-of PROFILE RUN FILE does so for a run in a profile's store.
func digestsOf(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: digests-of PROFILE RUN FILE")
	}
	writeDigests(ts, args[2], "show", args[1], "-o", "json", "--profile", args[0])
}

func writeDigests(ts *testscript.TestScript, file string, show ...string) {
	ts.Check(ts.Exec("gymline", show...))
	lines, err := artifactLines([]byte(ts.ReadFile("stdout")))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(file), []byte(lines), 0o600))
}

// envsubst FILE replaces $NAME in a file.
func envsubst(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: envsubst FILE")
	}
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// artifactLines lists what 'gymline show -o json' says of a run's outputs.
func artifactLines(show []byte) (string, error) {
	var doc struct {
		Steps []shownStep `json:"steps"`
	}
	if err := json.Unmarshal(show, &doc); err != nil {
		return "", err
	}
	var b strings.Builder
	for _, s := range doc.Steps {
		for _, o := range s.Outputs {
			fmt.Fprintf(&b, "%s/%d/%s %s %d\n", s.Step, s.Shard, o.Name, o.Digest, o.Rows)
		}
	}
	return b.String(), nil
}

// exits CODE COMMAND… runs a command that must end with that exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// readme checks that the README shows every line of the F1 table on stdout.
func readme(root string) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		text, err := os.ReadFile(filepath.Join(root, "README.md"))
		ts.Check(err)
		for line := range strings.Lines(ts.ReadFile("stdout")) {
			if strings.HasSuffix(line, "]\n") && !strings.Contains(string(text), line) {
				ts.Fatalf("the README's session does not show this line; renew it:\n%s", line)
			}
		}
	}
}

// smalldisk DIR mounts a disk of 1 MiB at DIR; the script is skipped where that
// is not allowed.
func smallDisk(t *testing.T) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		dir := ts.MkAbs(args[0])
		ts.Check(os.MkdirAll(dir, 0o755))
		if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", dir).CombinedOutput(); err != nil {
			if os.Getenv("CI") == "true" && os.Getuid() == 0 {
				ts.Fatalf("mount: %s", out)
			}
			t.Skipf("mounting a small disk is not allowed here: %s", out)
		}
		ts.Defer(func() { _ = exec.Command("umount", "-l", dir).Run() })
	}
}

// private PATH… checks that nothing there is open to anybody but its owner.
func private(ts *testscript.TestScript, neg bool, args []string) {
	for _, arg := range args {
		files := 0
		ts.Check(filepath.WalkDir(ts.MkAbs(arg), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err == nil && info.Mode().Perm()&0o077 != 0 {
				err = fmt.Errorf("%s: %v", path, info.Mode())
			}
			if !d.IsDir() {
				files++
			}
			return err
		}))
		if files == 0 {
			ts.Fatalf("%s is empty", arg)
		}
	}
}

// until FILE waits until a file is there.
func until(ts *testscript.TestScript, neg bool, args []string) {
	for range 2000 {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	ts.Fatalf("%s never came", args[0])
}

// grow DIR gives the disk at DIR room again.
func grow(ts *testscript.TestScript, neg bool, args []string) {
	if out, err := exec.Command("mount", "-o", "remount,size=256m", ts.MkAbs(args[0])).CombinedOutput(); err != nil {
		ts.Fatalf("remount: %s", out)
	}
}

// proactiveBench is the folder of the real data, or "".
func proactiveBench(root string) string {
	dir := os.Getenv("GYMLINE_PROACTIVEBENCH")
	if dir == "" {
		dir = filepath.Join(root, "..", "shared", "data", "proactivebench")
	}
	if _, err := os.Stat(filepath.Join(dir, "reward_data")); err != nil {
		return ""
	}
	return dir
}
