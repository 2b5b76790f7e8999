package apart

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/trainer"
)

// A pod is a job's container and a trainer's.
type pod struct {
	t       *testing.T
	folder  string
	log     bytes.Buffer
	environ []string
	// attends ends with the trainer's container, which kill ends.
	attends sync.WaitGroup
	kill    context.CancelFunc
	made    map[string]string
}

func newPod(t *testing.T) *pod {
	dir, err := os.MkdirTemp("", "gl") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	p := &pod{t: t, folder: dir, environ: []string{"PATH=" + os.Getenv("PATH")}, made: map[string]string{}}
	t.Cleanup(func() {
		if p.kill != nil {
			p.kill()
		}
		p.attends.Wait()
		os.RemoveAll(dir)
	})
	return p
}

// start starts the trainer's container.
func (p *pod) start() *pod {
	ctx, cancel := context.WithCancel(context.Background())
	p.kill = cancel
	a := Attendant{Folder: p.folder, Runner: &trainer.Runner{Environ: p.environ, Log: &p.log, Grace: 300 * time.Millisecond}}
	p.attends.Go(func() {
		if err := a.Attend(ctx); err != nil {
			p.t.Error(err)
		}
	})
	return p
}

// train has the job's container train by a shell's script.
func (p *pod) train(ctx context.Context, script string) error {
	r := &Runner{Folder: p.folder, Grace: 300 * time.Millisecond, Patience: 200 * time.Millisecond}
	return r.Run(ctx, job.Program{
		Args: []string{"sh", "-c", script}, Env: []string{"GYMLINE_RUN=test-1"},
		Fill: func(_ context.Context, create func(string) (io.WriteCloser, error)) error {
			w, err := create("trl/agent.yaml")
			if err != nil {
				return err
			}
			_, err = io.WriteString(w, "export")
			return errors.Join(err, w.Close())
		},
		Take: func(_ context.Context, fsys fs.FS) error {
			return fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				data, err := fs.ReadFile(fsys, path)
				p.made[path] = string(data)
				return err
			})
		},
	})
}

func TestTrainerApart(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.environ = append(p.environ, "ARGO_TEMPLATE=secret-1", "AWS_REGION=secret-2", "WANDB_API_KEY=kept")
	p.start()
	err := p.train(t.Context(), `printf 'trained\033[31m\342\200\256\n'; cat $GYMLINE_EXPORT/trl/agent.yaml > $GYMLINE_CHECKPOINT/copy; env > $GYMLINE_CHECKPOINT/env
		ls -a $GYMLINE_CHECKPOINT/.. > $GYMLINE_CHECKPOINT/beside`)
	if err != nil {
		t.Fatal(err, p.log.String())
	}
	if p.made["copy"] != "export" || !strings.Contains(p.made["env"], "GYMLINE_RUN=test-1\n") || !strings.Contains(p.made["env"], "WANDB_API_KEY=kept\n") || strings.Contains(p.made["env"], "secret") {
		t.Errorf("%q", p.made)
	}
	// The way to the job is closed when the trainer begins.
	if strings.Contains(p.made["beside"], socket) {
		t.Errorf("the trainer finds %q", p.made["beside"])
	}
	if log := p.log.String(); log != `trained\u202e`+"\n" {
		t.Errorf("%q", log)
	}
}

// A trainer ends as on one machine.
func TestTrainerApartThatFails(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]job.Exit{
		"echo why >&2; exit 3":                    {Code: 3, Last: "why"},
		`printf 'wh\342\200\256y\n' >&2; exit 75`: {Code: 75, Last: `wh\u202ey`},
		"kill -9 $$": {Signal: "SIGKILL"},
	} {
		err := newPod(t).start().train(t.Context(), script)
		if exit, ok := errors.AsType[*job.Exit](err); !ok || *exit != want {
			t.Errorf("%s: %v", script, err)
		}
	}
	p := newPod(t).start()
	r := &Runner{Folder: p.folder}
	fill := func(context.Context, func(string) (io.WriteCloser, error)) error { return nil }
	if err := r.Run(t.Context(), job.Program{Args: []string{"no-such-trainer"}, Fill: fill}); fault.Code(err) != fault.Config || !strings.Contains(fault.Hint(err), "PATH") {
		t.Error(err)
	}
	for script, want := range map[string]string{
		"rmdir $GYMLINE_CHECKPOINT; ln -s /etc $GYMLINE_CHECKPOINT":   `a link to "/etc"`,
		"rmdir $GYMLINE_CHECKPOINT; ln -s export $GYMLINE_CHECKPOINT": `a link to "export"`,
		"ln -s /etc/passwd $GYMLINE_CHECKPOINT/config.json":           "escapes",
		"rmdir $GYMLINE_CHECKPOINT":                                   "is gone",
	} {
		p := newPod(t).start()
		if err := p.train(t.Context(), script); err == nil || !strings.Contains(err.Error(), want) || p.made["config.json"] != "" {
			t.Errorf("%s: %v, %v", script, err, p.made)
		}
	}
}

// Where the trainer's container has what it should not, nothing is trained.
func TestATrainerThatIsNotApartIsRefused(t *testing.T) {
	t.Parallel()
	there := t.TempDir()
	a := Attendant{Folder: there, Apart: []string{filepath.Join(there, "none"), there}}
	if err := a.Attend(t.Context()); fault.Code(err) != fault.Config || !strings.Contains(err.Error(), there) || fault.Hint(err) == "" {
		t.Error(err)
	}
	p := newPod(t)
	p.environ = append(p.environ, "AWS_WEB_IDENTITY_TOKEN_FILE=/token")
	err := p.start().train(t.Context(), "echo it ran")
	if fault.Code(err) != fault.Config || !strings.Contains(err.Error(), "AWS_WEB_IDENTITY_TOKEN_FILE") || fault.Hint(err) == "" || p.log.Len() > 0 {
		t.Errorf("%v, %q", err, p.log.String())
	}
}

// A container that is killed, or never starts, is noticed, and worth another attempt.
func TestATrainersContainerThatIsGone(t *testing.T) {
	t.Parallel()
	err := newPod(t).train(t.Context(), "true")
	if fault.Code(err) != fault.Temporary || !strings.Contains(err.Error(), "did not answer within 200ms") || fault.Hint(err) == "" {
		t.Error(err)
	}
	late, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("the deadline has passed"))
	defer cancel()
	if err := newPod(t).train(late, "true"); err != late.Err() {
		t.Errorf("at the deadline: %v", err)
	}
	p := newPod(t)
	go func() { // an attendant that takes the order and is gone
		for {
			conn, err := net.Dial("unix", filepath.Join(p.folder, socket))
			if err == nil {
				_, _ = conn.Read(make([]byte, 100))
				conn.Close()
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	err = p.train(t.Context(), "true")
	if exit, ok := errors.AsType[*job.Exit](err); !ok || exit.Signal != "SIGKILL" || !strings.Contains(exit.Last, "ended without a word") {
		t.Error(err)
	}
	// One that is started anew finds no job, and trains nothing.
	p.start()
	time.Sleep(3 * pause)
	if p.log.Len() > 0 {
		t.Errorf("it trained again: %q", p.log.String())
	}
}

// A job that ends its wait, or is gone, ends its trainer.
func TestATrainerDoesNotOutliveItsJob(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for {
			if _, err := os.Stat(filepath.Join(p.folder, "checkpoint", "started")); err == nil {
				cancel()
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	err := p.start().train(ctx, `trap 'echo goodbye; exit 0' TERM; touch $GYMLINE_CHECKPOINT/started; while :; do sleep 0.01; done`)
	if !errors.Is(err, context.Canceled) || !strings.Contains(p.log.String(), "goodbye\n") || len(p.made) > 0 {
		t.Errorf("%v, %q, %v", err, p.log.String(), p.made)
	}

	p = newPod(t).start()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: filepath.Join(p.folder, socket)})
	if err != nil {
		t.Fatal(err)
	}
	job, err := listener.Accept()
	if err == nil {
		_, err = io.WriteString(job, `{"args":["sh","-c","trap 'exit 0' TERM; while :; do sleep 0.01; done"]}`+"\n")
	}
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	if unix := job.(*net.UnixConn); unix.CloseWrite() != nil {
		t.Fatal("the job could not leave")
	}
	if _, err := io.ReadAll(job); err != nil { // until the attendant has told of the end
		t.Error(err)
	}
	job.Close()
}

// What comes over the connection is told safely, and bounded.
func TestAnOutcomeOfLies(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		`{"exit":{"Code":3,"Last":"\u202ered"}}` + "\n": `exit code 3: \u202ered`,
		`{"refused":"\u001b[31mno"}` + "\n":             `\u001b[31mno`,
		strings.Repeat(" ", maxLine) + `{}`:             "ended without a word",
		"not JSON\n":                                    "ended without a word",
	} {
		p := newPod(t)
		go func() {
			for {
				conn, err := net.Dial("unix", filepath.Join(p.folder, socket))
				if err == nil {
					_, _ = conn.Read(make([]byte, 100))
					_, _ = io.WriteString(conn, said)
					conn.Close()
					return
				}
				time.Sleep(time.Millisecond)
			}
		}()
		if err := p.train(t.Context(), "true"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v", said, err)
		}
	}
}
