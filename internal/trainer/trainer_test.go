package trainer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
)

// shell runs a script as a trainer, and returns its log and what it left.
func shell(t *testing.T, ctx context.Context, script string, environ ...string) (log string, made map[string]string, err error) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	var out bytes.Buffer
	r := &Runner{
		Environ: append([]string{"PATH=" + os.Getenv("PATH")}, environ...), Secret: []string{"MODEL_KEY"}, Log: &out, Grace: 300 * time.Millisecond,
	}
	made = map[string]string{}
	err = r.Run(ctx, job.Program{
		Args: []string{"sh", "-c", script}, Env: []string{"GYMLINE_RUN=test-1"},
		Fill: func(_ context.Context, create func(string) (io.WriteCloser, error)) error {
			for _, name := range []string{"manifest.json", "trl/qwen/agent.yaml"} {
				w, err := create(name)
				if err != nil {
					return err
				}
				_, err = io.WriteString(w, name)
				if err := errors.Join(err, w.Close()); err != nil {
					return err
				}
			}
			if _, err := create("../outside"); err == nil {
				t.Error("a file may leave the folder")
			}
			return nil
		},
		Take: func(_ context.Context, fsys fs.FS) error {
			return fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				data, err := fs.ReadFile(fsys, path)
				made[path] = string(data)
				return err
			})
		},
	})
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	return out.String(), made, err
}

func TestTrainer(t *testing.T) {
	log, made, err := shell(t, t.Context(), `
		echo training; echo warming up >&2; printf 'half\rdone\n'
		cat $GYMLINE_EXPORT/manifest.json $GYMLINE_EXPORT/trl/qwen/agent.yaml > $GYMLINE_CHECKPOINT/copy
		env > $GYMLINE_CHECKPOINT/env; mkdir $GYMLINE_CHECKPOINT/sub; echo deep > $GYMLINE_CHECKPOINT/sub/file; printf last`,
		"AWS_SECRET_ACCESS_KEY=secret-1", "AWS_PROFILE=secret-2", "GYMLINE_STORE_ENDPOINT=secret-3", "MODEL_KEY=secret-4", "WANDB_API_KEY=kept", "HOME=")
	if err != nil {
		t.Fatal(err, log)
	}
	for _, line := range []string{"training\n", "warming up\n", "half\n", "done\n", "last\n"} {
		if !strings.Contains(log, line) {
			t.Errorf("no %q in %q", line, log)
		}
	}
	if made["copy"] != "manifest.jsontrl/qwen/agent.yaml" || made["sub/file"] != "deep\n" {
		t.Errorf("%q", made)
	}
	env := made["env"]
	if strings.Contains(env, "secret") || !strings.Contains(env, "GYMLINE_RUN=test-1\n") || !strings.Contains(env, "WANDB_API_KEY=kept\n") || !strings.Contains(env, "HOME=/") {
		t.Error(env)
	}
	if _, made, err = shell(t, t.Context(), `echo $HOME > $GYMLINE_CHECKPOINT/home`, "HOME=/home/me"); err != nil || made["home"] != "/home/me\n" {
		t.Error(made, err)
	}
}

func TestTrainerThatFails(t *testing.T) {
	for script, want := range map[string]job.Exit{
		"echo out; echo why >&2; exit 3":                        {Code: 3, Last: "why"},
		`printf '\033[31mwh\342\200\256y\033[0m\n' >&2; exit 3`: {Code: 3, Last: `wh\u202ey`},
		"exit 75":    {Code: 75},
		"kill -9 $$": {Signal: "SIGKILL"},
	} {
		_, _, err := shell(t, t.Context(), script)
		if exit, ok := errors.AsType[*job.Exit](err); !ok || *exit != want {
			t.Errorf("%s: %v", script, err)
		}
	}
	r := &Runner{Log: io.Discard}
	fill := func(context.Context, func(string) (io.WriteCloser, error)) error { return nil }
	for _, args := range [][]string{nil, {"no-such-trainer"}} {
		if err := r.Run(t.Context(), job.Program{Args: args, Fill: fill}); fault.Code(err) != fault.Config || fault.Hint(err) == "" {
			t.Errorf("%v: %v", args, err)
		}
	}
	if _, _, err := shell(t, t.Context(), "rmdir $GYMLINE_CHECKPOINT"); err == nil || !strings.Contains(err.Error(), "is gone") {
		t.Error(err)
	}
	for script, want := range map[string]string{
		"rmdir $GYMLINE_CHECKPOINT; ln -s /etc $GYMLINE_CHECKPOINT":   `a link to "/etc"`,
		"rmdir $GYMLINE_CHECKPOINT; ln -s export $GYMLINE_CHECKPOINT": `a link to "export"`,
		"rmdir $GYMLINE_CHECKPOINT; echo > $GYMLINE_CHECKPOINT":       "a file in its place",
	} {
		if _, made, err := shell(t, t.Context(), script); fault.Code(err) != fault.Permanent || !strings.Contains(err.Error(), want) || len(made) > 0 {
			t.Errorf("%s: %v, %v", script, err, made)
		}
	}
	if _, made, err := shell(t, t.Context(), "cd /; rmdir $GYMLINE_CHECKPOINT; mkdir $GYMLINE_CHECKPOINT; echo new > $GYMLINE_CHECKPOINT/file"); err != nil || made["file"] != "new\n" {
		t.Errorf("a folder that was made anew: %v, %v", err, made)
	}
	if _, _, err := shell(t, t.Context(), "ln -s /etc/passwd $GYMLINE_CHECKPOINT/config.json"); err == nil {
		t.Error("a link led out of the folder")
	}
}

// A trainer that is asked to leave may say goodbye; one that does not leave is
// killed, and so is everything that it started.
func TestTrainerIsCancelled(t *testing.T) {
	for name, c := range map[string]struct{ script, says string }{
		"leaves": {`trap 'echo goodbye; exit 0' TERM; echo $$ > PIDS; while :; do sleep 0.01; done`, "goodbye"},
		"stays":  {`trap '' TERM; (trap '' TERM; sleep 60) & echo $! $$ > PIDS; while :; do sleep 0.01; done`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			pids := filepath.Join(t.TempDir(), "pids")
			go func() {
				for {
					if data, _ := os.ReadFile(pids); bytes.HasSuffix(data, []byte("\n")) {
						cancel()
						return
					}
					time.Sleep(5 * time.Millisecond)
				}
			}()
			log, _, err := shell(t, ctx, strings.Replace(c.script, "PIDS", pids, 1))
			if !errors.Is(err, context.Canceled) || !strings.Contains(log, c.says) {
				t.Errorf("%v, %q", err, log)
			}
			data, _ := os.ReadFile(pids)
			for _, field := range strings.Fields(string(data)) {
				pid, _ := strconv.Atoi(field)
				if !gone(pid) {
					t.Errorf("process %d is still there", pid)
				}
			}
		})
	}
}

// gone reports whether a process ends within a second, be it that nobody has
// asked for its end yet.
func gone(pid int) bool {
	for range 200 {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if syscall.Kill(pid, 0) != nil || err == nil && bytes.Contains(stat, []byte(") Z ")) {
			return true
		}
		time.Sleep(5 * time.Millisecond)
	}
	return false
}
