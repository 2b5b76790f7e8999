package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "canary-hook-secret"

// A hook is a webhook on loopback, whose first answers are given.
type hook struct {
	*httptest.Server
	mu      sync.Mutex
	answers []int // then 204
	after   string
	date    string // of its answers; "": now
	got     []*http.Request
	bodies  []string
}

func newHook(t *testing.T, answers ...int) *hook {
	h := &hook{answers: answers}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got, h.bodies = append(h.got, r), append(h.bodies, string(body))
	status := http.StatusNoContent
	if n := len(h.got); n <= len(h.answers) {
		status = h.answers[n-1]
	}
	w.Header().Set("Retry-After", h.after)
	if h.date != "" {
		w.Header().Set("Date", h.date)
	}
	w.Header().Set("Location", "/elsewhere")
	w.WriteHeader(status)
}

// A desk is a sender whose waits are counted and take no time.
type desk struct {
	Sender
	waited []time.Duration
	now    time.Time
}

func newDesk(env map[string]string) *desk {
	d := &desk{now: time.Date(2026, 11, 28, 3, 12, 40, 0, time.UTC)}
	d.Sender = Sender{
		Getenv: func(name string) string { return env[name] },
		Now:    func() time.Time { return d.now },
		Sleep: func(ctx context.Context, wait time.Duration) error {
			d.waited, d.now = append(d.waited, wait), d.now.Add(wait)
			return ctx.Err()
		},
	}
	return d
}

func broken() *Notice {
	n := Ended("nightly", progress.Event{
		Type: progress.RunEnded, Run: "nightly-7", State: store.Succeeded, ExitCode: fault.Gate, Hint: "look",
		Scores: []progress.Score{{Candidate: "c", F1: 0.51, F1CI: &[2]float64{0.41, 0.61}}},
		Gate:   &progress.Gate{Sentence: "gate failed: c has an F1 of 51.0 <& 60>"},
	})
	n.AsOf, n.Opened, n.At = "2026-11-28T03:00:00Z", "2026-11-28T03:00:02Z", time.Date(2026, 11, 28, 3, 12, 39, 0, time.UTC)
	return n
}

func all() []string { return []string{Failed, Gate, Budget, Waiting} }

// A message that fails for a while is sent again, signed anew, until it is taken.
func TestSentUntilTaken(t *testing.T) {
	h := newHook(t, http.StatusServiceUnavailable, http.StatusTooManyRequests)
	d := newDesk(map[string]string{"HOOK": h.URL + "/T0/canary-path", "SECRET": secret})
	if err := d.Send(t.Context(), []Webhook{{Format: CloudEvents, URLEnv: "HOOK", SecretEnv: "SECRET", On: all()}}, broken()); err != nil {
		t.Fatal(err)
	}
	if len(h.got) != 3 || !slices.Equal(d.waited, []time.Duration{time.Second, 2 * time.Second}) {
		t.Fatalf("%d tries, and waits %s", len(h.got), d.waited)
	}
	for i, r := range h.got {
		id, stamp := r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp")
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(id + "." + stamp + "." + h.bodies[i]))
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("webhook-signature") != want {
			t.Errorf("try %d is signed %q, want %q", i, r.Header.Get("webhook-signature"), want)
		}
		if h.bodies[i] != h.bodies[0] || id != h.got[0].Header.Get("webhook-id") || stamp != []string{"1795835560", "1795835561", "1795835563"}[i] {
			t.Errorf("try %d: %s at %s: %s", i, id, stamp, h.bodies[i])
		}
		if r.Method != http.MethodPost || r.URL.Path != "/T0/canary-path" || r.Header.Get("Content-Type") != "application/cloudevents+json; charset=utf-8" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
	}
	const want = `{"specversion":"1.0","id":"msg_4f4d","source":"/gymline/nightly","type":"gymline.run.gate","subject":"nightly-7","time":"2026-11-28T03:12:39Z","datacontenttype":"application/json",` +
		`"data":{"kind":"gate","run":"nightly-7","experiment":"nightly","state":"Succeeded","asOf":"2026-11-28T03:00:00Z","sentence":"gate failed: c has an F1 of 51.0 \u003c\u0026 60\u003e","hint":"look","exitCode":66,` +
		`"scores":[{"candidate":"c","f1":0.51,"f1CI":[0.41,0.61],"recall":0,"precision":0}],"gate":{"passed":false,"sentence":"gate failed: c has an F1 of 51.0 \u003c\u0026 60\u003e"}}}`
	if got := strings.Replace(h.bodies[0], h.got[0].Header.Get("webhook-id"), "msg_4f4d", 1); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// A chat gets a text in which nothing of a run's is mark-up; without a secret nothing is
// signed.
func TestSlack(t *testing.T) {
	h := newHook(t)
	d := newDesk(map[string]string{"HOOK": h.URL})
	if err := d.Send(t.Context(), []Webhook{{Format: Slack, URLEnv: "HOOK", On: []string{Gate}}, {Format: Slack, URLEnv: "HOOK", On: []string{Failed}}}, broken()); err != nil {
		t.Fatal(err)
	}
	var body map[string]string
	if err := json.Unmarshal([]byte(h.bodies[0]), &body); err != nil || len(h.got) != 1 {
		t.Fatalf("%v, %d messages", err, len(h.got))
	}
	if want := ":vertical_traffic_light: *nightly-7* gate failed: c has an F1 of 51.0 &lt;&amp; 60&gt;\nas of 2026-11-28T03:00:00Z\n→ look"; body["text"] != want || len(body) != 1 {
		t.Errorf("%q", body)
	}
	if h.got[0].Header.Get("webhook-signature") != "" || h.got[0].Header.Get("webhook-id") == "" {
		t.Errorf("%v", h.got[0].Header)
	}
}

// What no try will change is not tried again; what stays away is given up; one webhook
// holds up no other; and no error tells an address or a secret.
func TestNotTold(t *testing.T) {
	gone, moved, down, fine := newHook(t, 404), newHook(t, 302), newHook(t, slices.Repeat([]int{500}, 99)...), newHook(t)
	down.after = "20"
	closed := newHook(t)
	closed.Close()
	env := map[string]string{"SECRET": secret}
	var hooks []Webhook
	for name, h := range map[string]*hook{"A": gone, "B": moved, "C": down, "D": closed, "E": fine} {
		env[name] = h.URL + "/canary-path"
		hooks = append(hooks, Webhook{Format: Slack, URLEnv: name, SecretEnv: "SECRET", On: all()})
	}
	slices.SortFunc(hooks, func(a, b Webhook) int { return strings.Compare(a.URLEnv, b.URLEnv) })
	var mu sync.Mutex
	var longest time.Duration
	d := newDesk(env)
	d.Now = func() time.Time { return time.Unix(0, 0) }
	d.Sleep = func(_ context.Context, wait time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		longest = max(longest, wait)
		return nil
	}
	err := d.Send(t.Context(), hooks, broken())
	if err == nil {
		t.Fatal("nobody is missed")
	}
	for _, want := range []string{
		"the webhook spec.notify[0] (slack) was not told: it answers 404 Not Found, at try 1",
		"the webhook spec.notify[1] (slack) was not told: it answers 302 Found, at try 1",
		"the webhook spec.notify[2] (slack) was not told: it answers 500 Internal Server Error, at try 3, and there is no time for another",
		"the webhook spec.notify[3] (slack) was not told: it cannot be reached",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "[4]") || len(fine.got) != 1 || len(gone.got) != 1 || len(moved.got) != 1 {
		t.Errorf("%v; %d, %d and %d messages", err, len(fine.got), len(gone.got), len(moved.got))
	}
	if longest != 20*time.Second {
		t.Errorf("a server that asks for 20 s is asked after %s", longest)
	}
	down.after, down.date, longest = "Mon, 02 Jan 2006 15:04:26 GMT", "Mon, 02 Jan 2006 15:04:05 GMT", 0
	if err := d.Send(t.Context(), hooks[2:3], broken()); err == nil || longest != 21*time.Second {
		t.Errorf("a server that names a time 21 s away is asked after %s: %v", longest, err)
	}
	down.after, down.date = "", ""
	patient := newDesk(env)
	if err := patient.Send(t.Context(), hooks[2:3], broken()); err == nil || !strings.HasSuffix(err.Error(), "500 Internal Server Error, at try 6") || !slices.Equal(patient.waited, waits) {
		t.Errorf("%v after %s", err, patient.waited)
	}
	stopped := newDesk(env)
	stopped.Sleep = func(context.Context, time.Duration) error { return errors.New("no time") }
	if err := stopped.Send(t.Context(), hooks[2:3], broken()); err == nil || !strings.Contains(err.Error(), "at try 1, and there is no time for another") {
		t.Error(err)
	}
}

// What the environment lacks is told before a run starts, by the variables' names alone.
func TestCheck(t *testing.T) {
	hooks := []Webhook{{Format: Slack, URLEnv: "HOOK", SecretEnv: "SECRET", On: all()}}
	for want, env := range map[string]map[string]string{
		"":                           {"HOOK": "https://example.com/canary", "SECRET": "whsec_Y2FuYXJ5"},
		"not set: HOOK, SECRET":      {},
		"not set: SECRET":            {"HOOK": "https://example.com/canary"},
		"$HOOK is no http or https":  {"HOOK": "canary", "SECRET": "canary"},
		"$HOOK is no http":           {"HOOK": "https://canary\x7f/", "SECRET": "canary"},
		"$SECRET is not whsec_ and ": {"HOOK": "https://example.com/", "SECRET": "whsec_canary!"},
	} {
		err := newDesk(env).Check(hooks)
		if want == "" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") || fault.Code(err) != fault.Config {
			t.Errorf("%v, want %s", err, want)
		}
	}
	d := newDesk(map[string]string{"SECRET": "whsec_Y2FuYXJ5"})
	if key, err := d.key(hooks[0]); err != nil || string(key) != "canary" {
		t.Errorf("%q, %v", key, err)
	}
}

// Each end has its kind; who ended a run himself is told nothing.
func TestKinds(t *testing.T) {
	for _, test := range []struct {
		e    progress.Event
		want string
	}{
		{progress.Event{State: store.Succeeded}, ""},
		{progress.Event{State: store.Succeeded, Gate: &progress.Gate{Passed: true}}, ""},
		{progress.Event{State: store.Succeeded, ExitCode: fault.Gate, Gate: &progress.Gate{Sentence: "s"}}, Gate},
		{progress.Event{State: store.Succeeded, ExitCode: fault.Usage, Cause: "its gate could not be asked"}, Gate},
		{progress.Event{State: store.Failed, ExitCode: fault.Temporary, Cause: "c"}, Failed},
		{progress.Event{State: store.Failed, ExitCode: fault.Config}, Failed},
		{progress.Event{State: store.Failed, ExitCode: fault.Budget}, Budget},
		{progress.Event{State: store.Interrupted, ExitCode: fault.Interrupted}, ""},
		{progress.Event{State: store.Failed, ExitCode: fault.Interrupted}, ""},
	} {
		n := Ended("x", test.e)
		if (n == nil) != (test.want == "") || n != nil && (n.Kind != test.want || n.Sentence == "") {
			t.Errorf("%+v: %+v, want %q", test.e, n, test.want)
		}
	}
	a, b := broken(), broken()
	b.Opened = "2026-11-28T03:00:03Z"
	if a.id() != broken().id() || a.id() == b.id() {
		t.Error("messages are not told apart")
	}
}
