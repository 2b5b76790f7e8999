package local

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

// The test binary is its own child: the job's name says how it behaves, and
// what it did is in files under GYMLINE_TEST_DIR.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv("GYMLINE_TEST_ENGINE") != "":
		engineProcess()
	case os.Getenv("GYMLINE_TEST_SHARDS") != "":
		sharedChild()
	case os.Getenv("GYMLINE_TEST_DIR") != "":
		childProcess()
	}
	goleak.VerifyTestMain(m)
}

func childProcess() {
	dir := os.Getenv("GYMLINE_TEST_DIR")
	kind, step, shard := os.Args[2], os.Args[6], os.Args[8]
	log := func(what string) {
		f, _ := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		fmt.Fprintf(f, "%s %s/%s\n", what, step, shard)
		f.Close()
	}
	tries, _ := filepath.Glob(filepath.Join(dir, step+"-"+shard+"-try*"))
	os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%s-try%d", step, shard, len(tries))), []byte(strconv.Itoa(os.Getpid())), 0o600)
	terms := make(chan os.Signal, 1)
	if kind == "hang" || kind == "stubborn" || kind == "late" {
		signal.Notify(terms, syscall.SIGTERM)
	}
	if kind == "bad" {
		signal.Ignore(syscall.SIGTERM) // so that it lives to tell its own failure
	}
	log("start")
	fail := func(code int, cause string) {
		json.NewEncoder(os.Stdout).Encode(progress.Event{Type: progress.StepState, Step: step, State: progress.Failed, Cause: cause, ExitCode: code, Hint: "mend it"})
		os.Exit(code)
	}
	switch kind {
	case "ok":
		time.Sleep(20 * time.Millisecond)
	case "bad": // once its sibling is under way
		for data := []byte(nil); !bytes.Contains(data, []byte("start slow")) || !bytes.Contains(data, []byte("start bad")); {
			data, _ = os.ReadFile(filepath.Join(dir, "log"))
		}
		fail(fault.Permanent, "row 7 is cut in half")
	case "flaky":
		if len(tries) < 2 {
			fail(fault.Temporary, "the store is away")
		}
	case "broke":
		fail(fault.Budget, "the budget is used up")
	case "down":
		fail(fault.Temporary, "the store is away")
	case "silent":
		panic("at the disco")
	case "termed": // by somebody else
		if len(tries) == 0 {
			os.Exit(fault.Interrupted)
		}
	case "late": // succeeds although it was asked to leave
		ready(step)
		<-terms
	case "killed":
		if len(tries) == 0 {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	case "hang", "stubborn":
		ready(step)
		for range terms {
			log("term")
			if kind == "hang" {
				os.Exit(fault.Interrupted)
			}
		}
	case "env":
		os.WriteFile(filepath.Join(dir, "env"), []byte(strings.Join(os.Environ(), "\n")), 0o600)
	}
	n, _ := strconv.Atoi(shard)
	json.NewEncoder(os.Stdout).Encode(progress.Event{Type: progress.StepState, Step: step, Shard: n, State: progress.Succeeded})
	log("end")
	os.Exit(0)
}

// ready tells, by the one event of its type here, that a child will get signals.
func ready(step string) {
	json.NewEncoder(os.Stdout).Encode(progress.Event{Type: progress.Progress, Step: step})
}

type events struct {
	mu    sync.Mutex
	list  []progress.Event
	ready func() // when a child is
}

func (e *events) Emit(ev progress.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, ev)
	if ev.Type == progress.Progress && e.ready != nil {
		e.ready()
	}
}

func (e *events) states(step string) (out []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ev := range e.list {
		if ev.Step == step && ev.Type == progress.StepState {
			out = append(out, ev.State)
		}
	}
	return out
}

func step(name, job string, shards int, after ...string) plan.Step {
	s := plan.Step{Name: store.StepName(name), Job: job, Shards: shards}
	for _, a := range after {
		s.Inputs = append(s.Inputs, plan.Input{Name: a, Step: store.StepName(a), Output: "out"})
	}
	return s
}

func environment(vars ...string) func(*plan.Step) []string {
	return func(*plan.Step) []string { return vars }
}

func config(t *testing.T, dir string) Config {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Config{Binary: exe, Env: environment("GYMLINE_TEST_DIR="+dir, "GORACE=atexit_sleep_ms=0"), Parallel: 2, Retries: 3,
		Backoff: time.Millisecond, MaxBackoff: 4 * time.Millisecond, Grace: time.Second}
}

func run(t *testing.T, edit func(*Config), steps ...plan.Step) ([]store.Failure, *events, string, error) {
	t.Helper()
	dir := t.TempDir()
	cfg := config(t, dir)
	if edit != nil {
		edit(&cfg)
	}
	sink := &events{}
	failures, err := Run(t.Context(), cfg, &plan.Plan{Steps: steps}, "r-1", sink)
	log, _ := os.ReadFile(filepath.Join(dir, "log"))
	return failures, sink, string(log), err
}

func TestDependenciesAndParallelism(t *testing.T) {
	failures, _, log, err := run(t, func(c *Config) { c.Parallel = 3 },
		step("a", "ok", 5), step("b", "ok", 2, "a"), step("c", "ok", 1, "a", "b"))
	if err != nil || failures != nil {
		t.Fatal(err, failures)
	}
	running, most, ended := 0, 0, map[string]int{}
	for line := range strings.Lines(log) {
		what, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		s, _, _ := strings.Cut(name, "/")
		if what == "end" {
			running--
			ended[s]++
			continue
		}
		running++
		most = max(most, running)
		if s == "b" && ended["a"] < 5 || s == "c" && ended["b"] < 2 {
			t.Errorf("%s started before the steps it reads had finished:\n%s", name, log)
		}
	}
	if most > 3 || most < 2 {
		t.Errorf("%d children ran at once, want at most 3 and more than 1", most)
	}
	if ended["a"] != 5 || ended["b"] != 2 || ended["c"] != 1 {
		t.Errorf("ended: %v", ended)
	}
}

func TestTemporaryFailureIsRetried(t *testing.T) {
	failures, ev, _, err := run(t, nil, step("a", "flaky", 1), step("b", "ok", 1, "a"))
	if err != nil || failures != nil {
		t.Fatal(err, failures)
	}
	if got := fmt.Sprint(ev.states("a")); got != "[Running Retrying Running Retrying Running Succeeded]" {
		t.Error(got)
	}
}

func TestRetriesEnd(t *testing.T) {
	failures, ev, _, _ := run(t, nil, step("a", "down", 1), step("b", "ok", 1, "a"))
	if len(failures) != 1 || failures[0].ExitCode != fault.Temporary || failures[0].Cause != "the store is away" {
		t.Fatalf("%+v", failures)
	}
	if n := len(ev.states("a")); n != 8 {
		t.Errorf("%d states, want 4 tries of 2", n)
	}
	if ev.states("b") != nil {
		t.Error("b ran without its input")
	}
}

func TestAUsedUpBudgetIsNotRetried(t *testing.T) {
	failures, ev, _, err := run(t, nil, step("a", "broke", 1), step("b", "ok", 1, "a"))
	want := store.Failure{Step: "a", ExitCode: fault.Budget, Cause: "the budget is used up", Hint: "mend it"}
	if err != nil || len(failures) != 1 || !reflect.DeepEqual(failures[0], want) || fmt.Sprint(ev.states("a"), ev.states("b")) != "[Running Failed] []" {
		t.Errorf("%v %+v %v %v", err, failures, ev.states("a"), ev.states("b"))
	}
}

func TestPermanentFailureStopsTheRun(t *testing.T) {
	failures, ev, log, err := run(t, func(c *Config) { c.Parallel = 2 },
		step("slow", "hang", 1), step("bad", "bad", 1), step("never", "ok", 3))
	if err != nil || len(failures) != 1 {
		t.Fatal(err, failures)
	}
	want := store.Failure{Step: "bad", Shard: 0, ExitCode: fault.Permanent, Cause: "row 7 is cut in half", Hint: "mend it"}
	if !reflect.DeepEqual(failures[0], want) {
		t.Errorf("%+v", failures[0])
	}
	if got := fmt.Sprint(ev.states("bad"), ev.states("slow")); got != "[Running Failed] [Running Cancelled]" {
		t.Error(got)
	}
	if ev.states("never") != nil || !strings.Contains(log, "term slow/0") {
		t.Errorf("the sibling was not asked to leave, or new work started:\n%s", log)
	}
}

func TestACrashGivesItsFirstWords(t *testing.T) {
	var stderr bytes.Buffer
	failures, _, _, _ := run(t, func(c *Config) { c.Stderr = &stderr }, step("a", "silent", 1))
	if len(failures) != 1 || failures[0].ExitCode != fault.Internal || failures[0].Cause != "panic: at the disco" {
		t.Fatalf("%+v", failures)
	}
	if !strings.Contains(stderr.String(), "goroutine 1") {
		t.Errorf("the log lacks the stack: %q", stderr.String())
	}
}

// A signal from outside is no verdict on the work.
func TestASignalFromOutsideIsTemporary(t *testing.T) {
	failures, ev, _, err := run(t, nil, step("a", "termed", 1))
	if err != nil || failures != nil || fmt.Sprint(ev.states("a")) != "[Running Retrying Running Succeeded]" {
		t.Fatal(err, failures, ev.states("a"))
	}
}

// Both causes are told when two shards fail at the same time.
func TestTwoFailuresAreBothTold(t *testing.T) {
	failures, _, _, _ := run(t, nil, step("slow", "bad", 1), step("bad", "bad", 1))
	if len(failures) != 2 || failures[0].Cause != failures[1].Cause {
		t.Fatalf("%+v", failures)
	}
}

// What was finished when the interrupt came counts as finished.
func TestWorkThatEndsDuringAnInterruptCounts(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	dir := t.TempDir()
	sink := &events{ready: cancel}
	failures, err := Run(ctx, config(t, dir), &plan.Plan{Steps: []plan.Step{step("a", "late", 1)}}, "r-1", sink)
	if err != nil || failures != nil || fmt.Sprint(sink.states("a")) != "[Running Succeeded]" {
		t.Error(err, failures, sink.states("a"))
	}
}

func TestKilledChildIsTriedAgain(t *testing.T) {
	failures, ev, _, err := run(t, nil, step("a", "killed", 1))
	if err != nil || failures != nil {
		t.Fatal(err, failures)
	}
	if got := fmt.Sprint(ev.states("a")); got != "[Running Retrying Running Succeeded]" {
		t.Error(got)
	}
}

func TestInterrupt(t *testing.T) {
	for _, kind := range []string{"hang", "stubborn"} {
		ctx, cancel := context.WithCancel(context.Background())
		dir := t.TempDir()
		cfg := config(t, dir)
		cfg.Grace = 300 * time.Millisecond
		sink := &events{ready: cancel}
		failures, err := Run(ctx, cfg, &plan.Plan{Steps: []plan.Step{step("a", kind, 1)}}, "r-1", sink)
		if err != context.Canceled || failures != nil {
			t.Errorf("%s: %v %v", kind, err, failures)
		}
		if got := fmt.Sprint(sink.states("a")); got != "[Running Cancelled]" {
			t.Errorf("%s: %s", kind, got)
		}
	}
}

func TestChildrenGetOnlyTheGivenEnvironment(t *testing.T) {
	t.Setenv("GYMLINE_CANARY", "secret")
	dir := t.TempDir()
	cfg := config(t, dir)
	cfg.Env = func(s *plan.Step) []string { return append(config(t, dir).Env(s), "A=b", "STEP="+string(s.Name)) }
	if _, err := Run(context.Background(), cfg, &plan.Plan{Steps: []plan.Step{step("a", "env", 1)}}, "r-1", &events{}); err != nil {
		t.Fatal(err)
	}
	env, _ := os.ReadFile(filepath.Join(dir, "env"))
	if string(env) != "GYMLINE_TEST_DIR="+dir+"\nGORACE=atexit_sleep_ms=0\nA=b\nSTEP=a" {
		t.Errorf("%s", env)
	}
}

// engineProcess runs a hanging child from a process that the test kills, and
// writes a line once the child is ready.
func engineProcess() {
	exe, _ := os.Executable()
	cfg := Config{Binary: exe, Env: environment("GYMLINE_TEST_DIR=" + os.Getenv("GYMLINE_TEST_ENGINE")), Parallel: 1, Grace: time.Second}
	_, _ = Run(context.Background(), cfg, &plan.Plan{Steps: []plan.Step{step("a", "stubborn", 1)}}, "r-1", &events{ready: func() { fmt.Println("ready") }})
	os.Exit(0)
}
