package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/notify"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/folder"
)

const hookSecret = "canary-hook-5e1c-not-a-real-secret"

// A hooks server is a team's webhooks on loopback: what they take, each path apart. The
// path /busy fails twice for every message first, and /down always.
type hooks struct {
	*httptest.Server
	mu    sync.Mutex
	tries map[string]int
	taken map[string][]string // by path
	wrong []string            // what is not signed as it should be
}

func newHooks(t *testing.T) *hooks {
	h := &hooks{tries: map[string]int{}, taken: map[string][]string{}}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func (h *hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	id, stamp := r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp")
	mac := hmac.New(sha256.New, []byte(hookSecret))
	fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
	h.mu.Lock()
	defer h.mu.Unlock()
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("webhook-signature") != want && r.URL.Path != "/slack" {
		h.wrong = append(h.wrong, fmt.Sprintf("%s: %v", r.URL.Path, r.Header))
	}
	h.tries[r.URL.Path+id]++
	switch {
	case r.URL.Path == "/down":
		w.WriteHeader(http.StatusNotFound)
	case r.URL.Path == "/busy" && h.tries[r.URL.Path+id] <= 2:
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		h.taken[r.URL.Path] = append(h.taken[r.URL.Path], string(body))
	}
}

// told are the messages that a path has taken since the last time.
func (h *hooks) told(path string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.taken[path]
	h.taken[path] = nil
	return list
}

// profile is one that tells the paths.
func (h *hooks) profile(t *testing.T, dir string, paths ...string) (file string, env []string) {
	t.Helper()
	text := "apiVersion: gymline/v1alpha1\nkind: Profile\nmetadata: {name: told}\nspec:\n  retries: {limit: 0}\n  notify:\n"
	for i, path := range paths {
		format, secret := notify.CloudEvents, ", secret: {env: HOOK_SECRET}"
		if path == "/slack" {
			format, secret = notify.Slack, ""
		}
		text += fmt.Sprintf("    - {format: %s, url: {env: HOOK_%d}%s}\n", format, i, secret)
		env = append(env, fmt.Sprintf("HOOK_%d=%s%s", i, h.URL, path))
	}
	file = filepath.Join(dir, "told.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, append(env, "HOOK_SECRET="+hookSecret)
}

// noticeIn is the data of the one CloudEvent that was told.
func noticeIn(t *testing.T, told []string) (n notify.Notice) {
	t.Helper()
	if len(told) != 1 {
		t.Fatalf("%d messages: %q", len(told), told)
	}
	var event struct {
		Type, Subject string
		Data          notify.Notice
	}
	if err := json.Unmarshal([]byte(told[0]), &event); err != nil {
		t.Fatal(err)
	}
	if event.Data.Run != event.Subject || event.Type != "gymline.run."+event.Data.Kind {
		t.Errorf("%s", told[0])
	}
	return event.Data
}

// Whoever is to be told of a run is told of its end, of a wait for a checkpoint, and of
// nothing else, however often a webhook fails first; one that cannot be told is said, and
// takes nothing from the run; and nobody sees an address or a secret.
func TestWhoIsTold(t *testing.T) {
	t.Parallel()
	h := newHooks(t)
	l := newLab(t)
	profile, env := h.profile(t, l.dir, "/busy", "/slack", "/down")
	quickstart := []string{"run", filepath.Join(repo(t), "configs", "quickstart.yaml"), "--profile", profile}

	if said := l.fails(78, quickstart...); !strings.Contains(said, "webhooks: not set: HOOK_0, HOOK_SECRET, HOOK_1, HOOK_2") {
		t.Errorf("%s", said)
	}
	l.env = env
	l.output(quickstart...)
	if told := append(h.told("/busy"), h.told("/slack")...); len(told) > 0 {
		t.Errorf("a run that went well tells %q", told)
	}
	said := l.fails(66, append(quickstart, "--set", "evaluate.gate=[{minF1: 99, candidate: careful}]")...)
	if !strings.Contains(said, "gymline: gate failed: careful has an F1 of 44.4, where 99.0 is the least") || !strings.Contains(said, "the webhook spec.notify[2] (cloudevents) was not told: it answers 404 Not Found, at try 1") {
		t.Errorf("%s", said)
	}
	n := noticeIn(t, h.told("/busy"))
	if n.Kind != notify.Gate || n.Run != "quickstart-2" || n.State != "Succeeded" || n.ExitCode != 66 || len(n.Scores) != 4 || n.Gate == nil || n.Sentence != n.Gate.Sentence {
		t.Errorf("%+v", n)
	}
	if told := h.told("/slack"); len(told) != 1 || !strings.HasPrefix(told[0], `{"text":":vertical_traffic_light: *quickstart-2* gate failed: careful has an F1 of 44.4`) {
		t.Errorf("%q", told)
	}
	l.fails(65, append(quickstart, "--set", "curate={quota: 100000}")...)
	if n := noticeIn(t, h.told("/busy")); n.Kind != notify.Failed || n.Run != "quickstart-3" || n.State != "Failed" || !strings.Contains(n.Sentence, "curate/0") {
		t.Errorf("%+v", n)
	}

	// Somebody outside trains: the wait is told while it lasts, and once.
	waiting := l.command("run", filepath.Join(repo(t), "configs", "handoff.yaml"), "--profile", profile)
	waiting.Stderr = os.Stderr
	if err := waiting.Start(); err != nil {
		t.Fatal(err)
	}
	var told []string
	for range 1200 {
		if told = h.told("/busy"); len(told) > 0 {
			break
		}
		time.Sleep(25 * time.Millisecond)
	}
	if err := waiting.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = waiting.Wait()
	if n := noticeIn(t, told); n.Kind != notify.Waiting || n.Run != "handoff-1" || n.Sentence != "waits for the checkpoint agent" || !strings.Contains(n.Hint, "gymline checkpoint put handoff-1 agent DIR") {
		t.Errorf("%+v", n)
	}
	if told := h.told("/busy"); len(told) > 0 {
		t.Errorf("a run that somebody ends tells %q", told)
	}
	if len(h.wrong) > 0 {
		t.Errorf("wrong signatures: %q", h.wrong)
	}
	if err := os.Remove(profile); err != nil {
		t.Fatal(err)
	}
	searchFor(t, l.dir, hookSecret)
	searchFor(t, l.dir, "/busy")
}

// A budget that is used up has a word of its own.
func TestBudgetIsTold(t *testing.T) {
	t.Parallel()
	h, s, l := newHooks(t), newModelServer(t), newLab(t)
	profile, env := h.profile(t, l.dir, "/plain")
	l.env = env
	l.fails(69, "run", s.paid(t, l.dir), "--input", "samples="+filepath.Join(repo(t), "configs", "samples"), "--profile", profile, "--set", "budget.usd=0.01")
	if n := noticeIn(t, h.told("/plain")); n.Kind != notify.Budget || n.Run != "paid-1" || n.ExitCode != 69 || !strings.Contains(n.Sentence, "is used up") {
		t.Errorf("%+v", n)
	}
}

// On a cluster the pod that seals a run says how it ended and what its gate finds, and
// tells who is to be told; whatever that comes to, the run is sealed and the pod succeeds.
func TestWhoSealsTells(t *testing.T) {
	t.Parallel()
	h, l := newHooks(t), newLab(t)
	_, env := h.profile(t, l.dir, "/plain", "/down")
	l.env = env
	l.output("run", filepath.Join(repo(t), "configs", "quickstart.yaml"))
	bucket, err := folder.Open(filepath.Join(l.dir, ".gymline"))
	if err != nil {
		t.Fatal(err)
	}
	defer bucket.Close()
	runs := run.Registry{Store: store.New(bucket), Now: time.Now}
	l.env = append(l.env, envFolder+"="+filepath.Join(l.dir, ".gymline"))
	on := []string{notify.Failed, notify.Gate, notify.Waiting}
	minF1 := 99.0
	rule := plan.GateRule{MinF1: &minF1, Candidate: "careful"}
	// draft is that of the experiment, with a gate and webhooks.
	draft := func(experiment string) (run.Draft, *plan.Plan, string) {
		head, err := run.ReadHead(t.Context(), runs.Store, store.RunID(experiment+"-1"))
		if err != nil {
			t.Fatal(err)
		}
		_, p, err := run.DraftOf(t.Context(), runs.Store, head.Run)
		if err != nil {
			t.Fatal(err)
		}
		d, err := run.NewDraft(p, head.Inputs, run.Execution{
			Gate:   []plan.GateRule{rule},
			Notify: []notify.Webhook{{Format: notify.CloudEvents, URLEnv: "HOOK_0", SecretEnv: "HOOK_SECRET", On: on}, {Format: notify.Slack, URLEnv: "HOOK_1", SecretEnv: "HOOK_SECRET", On: on}},
		}, false)
		if err != nil {
			t.Fatal(err)
		}
		digest, err := d.Put(t.Context(), runs.Store)
		if err != nil {
			t.Fatal(err)
		}
		return d, p, string(digest)
	}
	d, p, digest := draft("quickstart")
	seal := func(id store.RunID, status string) (out, said string) {
		t.Helper()
		cmd := l.command("seal", "--run", string(id), "--draft", digest, "--status", status)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Errorf("%v: %s", err, stderr.String())
		}
		return stdout.String(), stderr.String()
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	ok(runs.OpenAs(t.Context(), "quickstart-7", d))
	ok(runs.TakeOver(t.Context(), p, "quickstart-1", "quickstart-7"))
	out, said := seal("quickstart-7", "Succeeded")
	const sentence = "gate failed: careful has an F1 of 44.4, where 99.0 is the least"
	if out != sentence+"\n" || !strings.Contains(said, "the webhook spec.notify[1] (slack) was not told") {
		t.Errorf("%s\n%s", out, said)
	}
	n := noticeIn(t, h.told("/plain"))
	if n.Kind != notify.Gate || n.Run != "quickstart-7" || n.Sentence != sentence || len(n.Scores) != 4 || n.ExitCode != fault.Gate {
		t.Errorf("%+v", n)
	}
	if head, err := run.ReadHead(t.Context(), runs.Store, "quickstart-7"); err != nil || head.State != store.Succeeded {
		t.Errorf("%+v, %v", head, err)
	}

	ok(runs.OpenAs(t.Context(), "quickstart-8", d))
	ok(runs.PutFailure(t.Context(), "quickstart-8", store.Failure{Step: "generate", ExitCode: fault.Temporary, Cause: "the provider is away", Hint: "wait"}))
	seal("quickstart-8", "Failed")
	if n := noticeIn(t, h.told("/plain")); n.Kind != notify.Failed || n.Run != "quickstart-8" || !strings.HasSuffix(n.Sentence, "generate/0: the provider is away") || n.Hint != "wait" || n.ExitCode != fault.Temporary {
		t.Errorf("%+v", n)
	}
	seal("quickstart-9", "Error") // it never opened
	if n := noticeIn(t, h.told("/plain")); n.Kind != notify.Failed || n.Run != "" || n.Sentence != "the workflow quickstart-9 failed before its run was opened" {
		t.Errorf("%+v", n)
	}
	ok(runs.OpenAs(t.Context(), "quickstart-10", d))
	ok(runs.Seal(t.Context(), "quickstart-10", store.Interrupted)) // by 'gymline stop'
	if seal("quickstart-10", "Failed"); len(h.told("/plain")) > 0 {
		t.Error("who stops a run is told of it")
	}

	// A gate that cannot be asked is no gate that passed.
	rule = plan.GateRule{SignificantDrop: true, Against: "nobody"}
	d, p, digest = draft("quickstart")
	ok(runs.OpenAs(t.Context(), "quickstart-11", d))
	ok(runs.TakeOver(t.Context(), p, "quickstart-1", "quickstart-11"))
	_, said = seal("quickstart-11", "Succeeded")
	if n := noticeIn(t, h.told("/plain")); n.Kind != notify.Gate || n.Run != "quickstart-11" || !strings.Contains(n.Sentence, "its gate could not be asked: there is no run nobody in this store") || !strings.Contains(said, n.Sentence) {
		t.Errorf("%+v\n%s", n, said)
	}

	// Where the workflow is suspended, who looks for the checkpoint tells that it waits.
	if err := l.until(os.Interrupt.(syscall.Signal), func(e progress.Event) bool { return e.Step == "train-agent" && e.State == progress.Running }, "run", filepath.Join(repo(t), "configs", "handoff.yaml")); err == nil {
		t.Error("the hand-off does not wait")
	}
	d, p, _ = draft("handoff")
	ok(runs.OpenAs(t.Context(), "handoff-7", d))
	ok(runs.TakeOver(t.Context(), p, "handoff-1", "handoff-7"))
	if word := l.output("look", "--run", "handoff-7", "--step", "train-agent"); word != "missing" {
		t.Errorf("%q", word)
	}
	if n := noticeIn(t, h.told("/plain")); n.Kind != notify.Waiting || n.Run != "handoff-7" {
		t.Errorf("%+v", n)
	}
	if len(h.wrong) > 0 {
		t.Errorf("wrong signatures: %q", h.wrong)
	}
}
