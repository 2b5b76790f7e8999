package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store/miniotest"
)

// Beside runs that start, end and are killed, runs are removed and what nothing reaches
// is collected, by processes that are killed too: every run that is left is whole, and at
// rest nothing is left that nothing reaches. GYMLINE_BESIDE is how long it goes on.
func TestRemovalBesideRuns(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"folder", "minio"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			var l lab
			var profile []string
			if where == "minio" {
				srv := miniotest.Start(t)
				l = onServer(t, srv)
				profile = []string{"--profile", shared(t, l, srv, "beside")}
			} else {
				l = newLab(t)
			}
			l.env = append(l.env, "GYMLINE_TEST_LOOK=1s")
			b := &besideRuns{lab: l, profile: profile, rng: rand.New(rand.NewPCG(1, uint64(len(where))))}
			b.play()
			b.rest()
			t.Logf("%d runs ended, %d were killed, %d removed; %d collections, %d killed, %d removed something", b.ended, b.dead, b.removed, b.collections, b.killed, b.swept)
		})
	}
}

type besideRuns struct {
	lab
	profile []string
	grace   string

	mu                                         sync.Mutex
	rng                                        *rand.Rand
	dead                                       int // runs whose process was killed
	ended, removed, collections, killed, swept int
}

func (b *besideRuns) roll(n int) int { b.mu.Lock(); defer b.mu.Unlock(); return b.rng.IntN(n) }

// do runs gymline and, at times, kills it; it returns what it said.
func (b *besideRuns) do(kill bool, after time.Duration, args ...string) (out string, killed bool) {
	cmd := b.command(append(args, b.profile...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		b.t.Error(err)
		return "", false
	}
	if kill {
		timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
	}
	err := cmd.Wait()
	exit, _ := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
	case exit != nil && exit.ExitCode() == -1:
		killed = true
	case exit != nil && (exit.ExitCode() == fault.Temporary || exit.ExitCode() == fault.Usage): // to be tried again; a run was removed by another
	default:
		b.t.Errorf("gymline %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), killed
}

var openedRun = regexp.MustCompile(`"type":"run-opened","run":"([^"]+)"`)

func (b *besideRuns) play() {
	length, err := time.ParseDuration(os.Getenv("GYMLINE_BESIDE"))
	b.grace = "8s"
	if err != nil {
		length, b.grace = 10*time.Second, "5s"
	}
	config := filepath.Join(repo(b.t), "configs", "quickstart.yaml")
	b.output(append([]string{"run", config, "--set", "generate.sessions=2"}, b.profile...)...) // the store is there
	end := time.Now().Add(length)
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for time.Now().Before(end) && !b.t.Failed() {
				b.one(config)
			}
		})
	}
	for range 2 {
		workers.Go(func() {
			for time.Now().Before(end) && !b.t.Failed() {
				b.remove()
				b.collect()
			}
		})
	}
	workers.Wait()
}

// one runs an experiment of few, so that runs have work in common.
func (b *besideRuns) one(config string) {
	kill := b.roll(3) == 0
	out, killed := b.do(kill, time.Duration(b.roll(3000))*time.Millisecond, "run", config, "--set", fmt.Sprint("generate.sessions=", 2+b.roll(3)), "-o", "json")
	b.mu.Lock()
	defer b.mu.Unlock()
	if openedRun.MatchString(out) && killed {
		b.dead++
	}
	if !killed {
		b.ended++
	}
}

var succeeded = regexp.MustCompile(`(?m)^(quickstart-\d+)\s.*Succeeded`)

func (b *besideRuns) runs() (ids []string) {
	out, _ := b.do(false, 0, "list")
	for _, m := range succeeded.FindAllStringSubmatch(out, -1) {
		ids = append(ids, m[1])
	}
	return ids
}

func (b *besideRuns) remove() {
	ids := b.runs()
	if len(ids) < 2 {
		return
	}
	out, _ := b.do(b.roll(4) == 0, time.Duration(b.roll(300))*time.Millisecond, "rm", ids[b.roll(len(ids))], "--reason", "test")
	b.mu.Lock()
	defer b.mu.Unlock()
	b.removed += strings.Count(out, "removed ")
}

func (b *besideRuns) collect() {
	out, killed := b.do(b.roll(3) == 0, time.Duration(b.roll(1000))*time.Millisecond, "gc", "--yes", "--grace", b.grace)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.collections++
	if killed {
		b.killed++
	}
	if strings.Contains(out, "removed ") {
		b.swept++
	}
}

// all are the runs that there are, whatever came of them.
func (b *besideRuns) all() (args []string) {
	for _, m := range regexp.MustCompile(`(?m)^(quickstart-\d+)\s`).FindAllStringSubmatch(b.output(append([]string{"list"}, b.profile...)...), -1) {
		args = append(args, "--assume-ended", m[1])
	}
	return args
}

// rest verifies every byte of each run that is left, and that nothing else is.
func (b *besideRuns) rest() {
	b.t.Helper()
	for i, id := range b.runs() {
		b.output(append([]string{"pack", id, filepath.Join(b.dir, fmt.Sprint(i, ".tar"))}, b.profile...)...)
	}
	args := append([]string{"gc", "--yes", "--grace", "0s"}, b.all()...) // nobody is at work
	var said []string
	for range 70 {
		out, _ := b.do(false, 0, args...)
		if said = append(said, out); strings.HasPrefix(out, "nothing to remove") {
			break
		}
		time.Sleep(time.Second) // a removal that was killed has some of its time left
	}
	if out := b.output(slices.Concat([]string{"gc"}, b.profile)...); !strings.HasPrefix(out, "everything is reached") {
		b.t.Errorf("at rest: %s, after %q", out, said)
	}
	for i, id := range b.runs() {
		b.output(append([]string{"pack", id, filepath.Join(b.dir, fmt.Sprint("rest", i, ".tar"))}, b.profile...)...)
	}
}
