package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"

	"github.com/gymline/gymline/internal/engine/argo"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// A fake is a cluster whose answers a test sets.
type fake struct {
	mu     sync.Mutex
	submit func(id store.RunID) error
	has    map[store.RunID]bool
	state  *argo.State // nil: it has no workflow
	err    error       // of State
	logs   map[string]string
	images []store.Image
	asked  []store.RunID // by State
}

func (f *fake) Submit(_ context.Context, m *argo.Manifests) error {
	if f.submit == nil {
		return nil
	}
	return f.submit(store.RunID(m.Workflow.Name))
}

func (f *fake) Has(_ context.Context, id store.RunID) (bool, error) { return f.has[id], nil }

func (f *fake) State(_ context.Context, id store.RunID) (*argo.State, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, id)
	switch {
	case f.err != nil:
		return nil, f.err
	case f.state == nil:
		return nil, fmt.Errorf("%w %s", argo.ErrNoWorkflow, id)
	}
	state := *f.state
	state.Pods = slices.Clone(state.Pods)
	return &state, nil
}

func (f *fake) set(err error, state *argo.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err, f.state = err, state
}

func (f *fake) Log(_ context.Context, pod string, _ bool, _ int64) (io.ReadCloser, error) {
	text, ok := f.logs[pod]
	if !ok {
		return nil, errors.New("no such pod")
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

func (f *fake) Images(context.Context, store.RunID) ([]store.Image, error) { return f.images, nil }

func (f *fake) Stop(context.Context, store.RunID) error {
	if f.state == nil {
		return argo.ErrNoWorkflow
	}
	return nil
}

// A screen keeps what it is shown.
type screen struct {
	mu    sync.Mutex
	lines []string
}

func (s *screen) Emit(e progress.Event) {
	line := fmt.Sprintf("%s/%d %s", e.Step, e.Shard, e.State)
	switch e.Type {
	case progress.RunOpened:
		line = "opened " + e.Run
	case progress.Progress:
		line = fmt.Sprintf("%s/%d %d of %d", e.Step, e.Shard, e.Done, e.Total)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, strings.TrimSpace(line))
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, strings.TrimSpace(string(p)))
	return len(p), nil
}

func (s *screen) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

type world struct {
	*testing.T
	Cluster
	*fake
	plan  *plan.Plan
	draft run.Draft
}

func newWorld(t *testing.T) world {
	p := &plan.Plan{Version: plan.Version, Experiment: "x", Digest: "d", Steps: []plan.Step{{Name: "make", Job: "make", Shards: 3}, {Name: "join", Job: "join", Shards: 1}}}
	d, err := run.NewDraft(p, nil, run.Execution{}, false)
	f := &fake{}
	w := world{t, Cluster{Client: f, Runs: run.Registry{Store: store.New(store.NewMem()), Now: time.Now, Version: "v1"}}, f, p, d}
	w.ok(err)
	return w
}

func (w world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w world) start(from store.RunID) (store.RunID, error) {
	return w.Start(w.Context(), &argo.Manifests{Workflow: &wfv1.Workflow{}}, w.draft, w.plan, from)
}

func (w world) done(id store.RunID, step store.StepName, shard int, reused bool) {
	w.Helper()
	w.ok(w.Runs.CommitStep(w.Context(), store.Step{
		Run: id, Step: step, Shard: shard, WorkKey: store.WorkKey(store.DigestOf([]byte(fmt.Sprint(step, shard)))), Reused: reused,
		Usage: []byte(`{"calls":5}`), Outputs: []store.Artifact{{Name: plan.RowsOutput, Rows: 7}},
	}))
}

func (w world) sealed(id store.RunID) store.Seal {
	w.Helper()
	seal, err := w.Runs.ReadSeal(w.Context(), id)
	w.ok(err)
	return seal
}

// A run's number is free in the store and in the cluster, also when another store's
// run takes it at the same moment; and what an earlier run did is taken over.
func TestStart(t *testing.T) {
	w := newWorld(t)
	w.has = map[store.RunID]bool{"x-1": true}
	w.submit = func(id store.RunID) error {
		if id == "x-2" {
			return fault.New(fault.Config, argo.ErrTaken, "")
		}
		return nil
	}
	id, err := w.start("")
	if err != nil || id != "x-3" || w.sealed("x-2").State != store.Interrupted {
		t.Fatalf("%s, %v, %+v", id, err, w.sealed("x-2"))
	}
	w.done("x-3", "make", 1, false)
	next, err := w.start("x-3")
	w.ok(err)
	if rec, err := run.Record(t.Context(), w.Runs.Store, next, "make", 1); err != nil || rec == nil || !rec.Reused {
		t.Errorf("%+v, %v", rec, err)
	}
	// An answer that was lost: the cluster is asked, and what it does not have has failed.
	lost := fault.New(fault.Temporary, errors.New("connection reset"), "try again")
	w.submit = func(id store.RunID) error {
		if id == "x-5" {
			w.has["x-5"] = true
		}
		return lost
	}
	if id, err := w.start(""); err != nil || id != "x-5" {
		t.Errorf("%s, %v", id, err)
	}
	if _, err := w.start(""); !errors.Is(err, lost) {
		t.Error(err)
	}
	if seal := w.sealed("x-6"); seal.State != store.Failed || seal.Failures[0].Cause != "connection reset" || seal.Failures[0].ExitCode != fault.Temporary {
		t.Errorf("%+v", seal)
	}
	// What cannot be taken over leaves no run that is open for ever.
	w.ok(w.Runs.Bucket().Create(t.Context(), "runs/x-3/steps/make/2.json", []byte("cut in ha")))
	if id, err := w.start("x-3"); id != "" || err == nil || w.sealed("x-7").State != store.Failed || w.sealed("x-7").Failures[0].Cause != err.Error() {
		t.Errorf("%s, %v, %+v", id, err, w.sealed("x-7"))
	}
}

// A run whose workflow is over and whose seal cannot be read is not said to be
// unknown to the cluster.
func TestFollowOfASealThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	id, err := w.start("")
	w.ok(err)
	w.ok(w.Runs.Bucket().Create(t.Context(), "runs/x-1/seal.json", []byte("cut in ha")))
	if _, err := w.Follow(t.Context(), id, w.plan, &screen{}); err == nil || errors.Is(err, argo.ErrNoWorkflow) {
		t.Error(err)
	}
}

func TestStop(t *testing.T) {
	w := newWorld(t)
	if err := w.Cluster.Stop(t.Context(), "x-1"); fault.Code(err) != fault.Usage || !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of no run: %v", err)
	}
	id, err := w.start("")
	w.ok(err)
	w.ok(w.Cluster.Stop(t.Context(), id)) // the store alone knows it
	if w.sealed(id).State != store.Interrupted {
		t.Errorf("%+v", w.sealed(id))
	}
	if err := w.Cluster.Stop(t.Context(), id); fault.Code(err) != fault.Usage || !strings.Contains(err.Error(), "already ended") {
		t.Error(err)
	}
}

// How a run stands is told from the store and the cluster together, or from the
// one that knows it.
func TestStatus(t *testing.T) {
	w := newWorld(t)
	if _, err := w.Status(t.Context(), "x-1"); fault.Code(err) != fault.Usage {
		t.Errorf("of no run: %v", err)
	}
	w.state = &argo.State{Workflow: "x-1", Phase: argo.Pending}
	if s, err := w.Status(t.Context(), "x-1"); err != nil || s.State != argo.Pending || len(s.Steps) != 0 {
		t.Errorf("before it is opened: %+v, %v", s, err)
	}
	id, err := w.start("")
	w.ok(err)
	w.done(id, "make", 0, true)
	for shard, code := range map[int]int{1: fault.Temporary, 2: fault.Permanent} {
		w.ok(w.Runs.PutFailure(t.Context(), id, store.Failure{Step: "make", Shard: shard, ExitCode: code, Cause: "c"}))
	}
	w.state = &argo.State{Workflow: "x-1", Phase: argo.Running, Pods: []argo.Pod{{Step: "make", Shard: 1, Attempt: 2, Phase: argo.Running}, {Step: "seal", Phase: argo.Running}}}
	want := Step{Step: "make", Shards: 3, Done: 1, Reused: 1, Failed: 1, Running: 1, Retries: 1}
	s, err := w.Status(t.Context(), id)
	if err != nil || s.State != argo.Running || s.Steps[0] != want || s.Steps[1] != (Step{Step: "join", Shards: 1}) || !s.Again(s.Failures[0]) || s.Again(s.Failures[1]) {
		t.Errorf("%+v, %v", s, err)
	}
	w.ok(w.Runs.Seal(t.Context(), id, store.Failed, store.Failure{Step: "make", Shard: 1, ExitCode: fault.Temporary}))
	if s, err := w.Status(t.Context(), id); err != nil || s.State != store.Failed || s.Steps[0].Failed != 1 {
		t.Errorf("sealed before its workflow ended: %+v, %v", s, err)
	}
	w.state = nil
	s, err = w.Status(t.Context(), id)
	if err != nil || s.State != store.Failed || s.Workflow != nil || s.Steps[0].Failed != 1 || s.Again(s.Failures[0]) {
		t.Errorf("once it is sealed and forgotten: %+v, %v", s, err)
	}
	w.err = fault.New(fault.Temporary, errors.New("away"), "")
	if _, err := w.Status(t.Context(), id); fault.Code(err) != fault.Temporary {
		t.Error(err)
	}
}

// follow follows a run and plays scenes, one after each look.
func (w world) follow(id store.RunID, scenes ...func()) (state, shown string, err error) {
	ctx, cancel := context.WithCancel(w.Context())
	defer cancel()
	out, over := &screen{}, make(chan struct{})
	go func() {
		defer close(over)
		state, err = w.Follow(ctx, id, w.plan, out)
	}()
	for _, play := range scenes {
		synctest.Wait()
		play()
		time.Sleep(followEvery)
	}
	select {
	case <-over:
	case <-time.After(2 * sealWithin):
		cancel()
		<-over
	}
	return state, out.all(), err
}

// What a run's pods ran in is recorded once they have ended, by who sees it first.
func TestImagesAreKept(t *testing.T) {
	w := newWorld(t)
	id, err := w.start("")
	w.ok(err)
	w.images = []store.Image{{Step: "make", Container: "main", Image: "gymline:dev", Digest: "sha256:1"}}
	kept := func() []store.Image {
		images, err := w.Runs.Images(t.Context(), id)
		w.ok(err)
		return images
	}
	w.state = &argo.State{Workflow: "x-1", Phase: argo.Running}
	if _, err := w.Status(t.Context(), id); err != nil || kept() != nil {
		t.Errorf("while it runs: %v, %v", kept(), err)
	}
	w.ok(w.Runs.Seal(t.Context(), id, store.Failed, store.Failure{Step: "make", ExitCode: fault.Permanent}))
	w.state.Phase = argo.Failed
	if _, err := w.Follow(t.Context(), id, w.plan, &screen{}); err == nil || !slices.Equal(kept(), w.images) {
		t.Errorf("once it has ended: %v, %v", kept(), err)
	}
	first := w.images
	w.images = nil // gone with the pods
	if _, err := w.Status(t.Context(), id); err != nil || !slices.Equal(kept(), first) {
		t.Errorf("later: %v, %v", kept(), err)
	}
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		id, err := w.start("")
		w.ok(err)
		pod := func(shard, attempt int, phase string, code int) argo.Pod {
			return argo.Pod{Step: "make", Shard: shard, Stride: 2, Attempt: attempt, Name: fmt.Sprint("p", shard), Phase: phase, ExitCode: code, Message: "m"}
		}
		running := func(pods ...argo.Pod) func() {
			return func() {
				w.set(nil, &argo.State{Workflow: "x-1-abc", Phase: argo.Running, Pods: append(pods, argo.Pod{Step: "open", Phase: argo.Succeeded})})
			}
		}
		w.state = &argo.State{Workflow: "x-1-abc", Phase: argo.Pending}
		w.logs = map[string]string{"p0": "a log\n" + `{"type":"progress","step":"make","shard":0,"done":3,"total":7}` + "\nmore", "p1": "nothing yet"}
		state, shown, err := w.follow(id,
			running(pod(0, 1, argo.Running, 0), pod(1, 1, argo.Pending, 0)),
			func() { w.set(fault.New(fault.Temporary, errors.New("away"), ""), nil) },
			func() {},
			running(pod(0, 1, argo.Running, 0), pod(1, 1, argo.Failed, fault.Temporary)),
			func() {
				w.done(id, "make", 0, false)
				w.done(id, "make", 2, true)
				running(pod(0, 1, argo.Succeeded, 0), pod(1, 1, argo.Failed, fault.Temporary), pod(1, 2, argo.Running, 0))()
			},
			func() {}, // nothing changed, and nothing is told again
			func() {
				w.ok(w.Runs.Seal(t.Context(), id, store.Failed, store.Failure{Step: "make", Shard: 1, ExitCode: fault.Permanent, Cause: "bad", Hint: "mend it"}))
				w.set(nil, nil) // its time to live is over
			})
		want := strings.Join([]string{
			"opened x-1", "make/0 Running", "make/0 3 of 7", "lost the connection, trying again: away",
			"make/1 Running", "make/1 Retrying", "make/0 3 of 7",
			"make/0 7 of 7", "make/0 Succeeded", "make/2 Reused", "make/1 Running", "make/1 Failed",
		}, "\n")
		if shown != want {
			t.Errorf("got\n%s\nwant\n%s", shown, want)
		}
		if state != store.Failed || fault.Code(err) != fault.Permanent || fault.Hint(err) != "mend it" {
			t.Errorf("%s, %v", state, err)
		}
		if w.asked[0] != id || w.asked[len(w.asked)-1] != "x-1-abc" {
			t.Errorf("asked for %q", w.asked)
		}
	})
}

// What ends the showing, and with which exit code.
func TestFollowEnds(t *testing.T) {
	for name, c := range map[string]struct {
		state string // of the seal; "" for none
		phase string // of the workflow; "" for none
		code  int
		want  string
	}{
		"succeeded":                  {store.Succeeded, argo.Succeeded, fault.OK, ""},
		"stopped":                    {store.Interrupted, argo.Failed, fault.Interrupted, "was stopped"},
		"failed without a word":      {store.Failed, argo.Failed, fault.Temporary, "does not say why"},
		"sealed and forgotten":       {store.Succeeded, "", fault.OK, ""},
		"forgotten and never sealed": {"", "", fault.Usage, "no workflow"},
		"ended and never sealed":     {"", argo.Failed, fault.Permanent, "was not sealed"},
		"under way":                  {"", argo.Running, fault.Interrupted, "goes on in the cluster"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			id, err := w.start("")
			w.ok(err)
			if c.state != "" {
				w.ok(w.Runs.Seal(t.Context(), id, c.state))
			}
			if c.phase != "" {
				w.state = &argo.State{Workflow: "x-1", Phase: c.phase}
			}
			state, _, err := w.follow(id)
			if state != c.state || fault.Code(err) != c.code || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %q, %v (%d)", name, state, err, fault.Code(err))
			}
		})
	}
}
