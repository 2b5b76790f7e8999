package generate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/sim"
	"github.com/gymline/gymline/internal/trace"
)

var simModel = llm.Model{Name: "sim", Provider: llm.Sim, Params: llm.Params{Skill: 0.9}}

func openSim(m llm.Model) (llm.Chatter, error) { return sim.New(m), nil }

// gymCase is a small run from the shipped seeds and one finished scene.
func gymCase(t *testing.T) jobtest.Case {
	t.Helper()
	seeds, err := os.ReadFile("../../configs/samples/seeds.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const scenes = `
- environment:
    theme: Lamp workshop
    description: A bench by the window.
    entities: [Lamp, Top drawer]
    agent_ops: [drawer.open(name)]
    events_example: [The user turns the lamp over.]
  user: {description: Ada repairs lamps., goal: Put the brass lamp together before noon.}
`
	p := limits
	p.Seeds, p.Count = &plan.File{Input: "samples", Path: "seeds.yaml"}, 7
	p.Scenes = &plan.File{Input: "samples", Path: "more/scenes.yaml"}
	p.Sessions, p.MaxEvents = 3, 12
	p.Models = plan.GymModels{Scenes: &simModel, User: simModel, Environment: simModel, Agent: simModel}
	return jobtest.Case{
		Job: plan.JobGenerate, Func: Run, Seed: 7, Params: p, Models: jobtest.Models(openSim),
		Files: map[string]fs.FS{"samples": fstest.MapFS{"seeds.yaml": {Data: seeds}, "more/scenes.yaml": {Data: []byte(scenes)}}},
	}
}

func decode[T any](t *testing.T, data []byte) []T {
	t.Helper()
	var out []T
	if err := job.Decode(bytes.NewReader(data), "output", func(_ int, v *T) error {
		out = append(out, *v)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRunWritesWhatItPlanned(t *testing.T) {
	res, err := jobtest.Run(t, gymCase(t))
	if err != nil {
		t.Fatal(err)
	}
	scenes := decode[trace.Scene](t, res.Output(t, plan.ScenesOutput))
	domains := map[string]int{}
	for i, s := range scenes {
		if s.ID != fmt.Sprintf("scene-%05d", i) {
			t.Errorf("scene %d is called %s", i, s.ID)
		}
		if err := s.Check(); err != nil {
			t.Errorf("scene %s: %v", s.ID, err)
		}
		domains[s.Domain]++
	}
	if len(scenes) != 8 || scenes[0].User.Goal != "Put the brass lamp together before noon." {
		t.Errorf("%d scenes, the first with the goal %q", len(scenes), scenes[0].User.Goal)
	}
	if domains["coding"] != 3 || domains["writing"] != 2 || domains["daily life"] != 2 || domains["daily"] != 1 {
		t.Errorf("domains %v", domains)
	}

	var stats trace.Stats
	list := decode[rows.Row](t, res.Output(t, plan.RowsOutput))
	episodes := decode[trace.Episode](t, res.Output(t, plan.EpisodesOutput))
	if len(list) != 24 || len(episodes) != 24 {
		t.Fatalf("%d rows, %d episodes, want 24", len(list), len(episodes))
	}
	for i, e := range episodes {
		id := fmt.Sprintf("scene-%05d/%d", i/3, i%3)
		if e.ID != id || list[i].ID != id || e.Scene != scenes[i/3].ID || e.Domain != scenes[i/3].Domain || !e.Simulated {
			t.Errorf("episode %d is %s of %s (%s), row %s", i, e.ID, e.Scene, e.Domain, list[i].ID)
		}
		wantState := map[string]rows.State{endGoal: rows.Accepted, endMaxEvents: rows.Truncated}[e.End]
		if list[i].State != wantState || list[i].Yields != len(e.Judged()) || len(e.Turns) == 0 || len(e.Turns) > 12 {
			t.Errorf("row %+v of an episode of %d turns that ended %q", list[i], len(e.Turns), e.End)
		}
		before := 0.0
		for k, turn := range e.Turns {
			at, _, err := trace.ParseTime(turn.Event.Time)
			if err != nil || at <= before {
				t.Errorf("%s turn %d: time %s after %v, %v", e.ID, k, turn.Event.Time, before, err)
			}
			before = at
			if turn.Judgement == nil || turn.Judgement.Reason == "" {
				t.Errorf("%s turn %d is not judged", e.ID, k)
			}
			if text := reflectJSON(t, turn); garbled.MatchString(text) {
				t.Errorf("%s turn %d reads badly: %s", e.ID, k, text)
			}
		}
		stats.Add(&e)
	}
	written := mustJSON[trace.Stats](t, res.Output(t, plan.StatsOutput))
	var usage llm.UsageByRole
	if err := json.Unmarshal(res.Records[0].Usage, &usage); err != nil {
		t.Fatal(err)
	}
	var sum llm.Usage
	for role, u := range usage.Roles {
		if u.Calls == 0 || u.Prompt == 0 || u.Completion == 0 || u.Cached > u.Prompt || (u.Cached == 0) != (role == scenesRole) {
			t.Errorf("usage of %s: %+v", role, u)
		}
		sum = sum.Add(u)
	}
	if len(usage.Roles) != 4 || sum != usage.Usage || sum.Cached == 0 {
		t.Errorf("%d roles used %+v, the step %+v", len(usage.Roles), sum, usage.Usage)
	}
	if reflectJSON(t, &stats) != reflectJSON(t, written) {
		t.Error("stats.json is not the sum of the episodes")
	}
	for _, n := range []struct {
		what string
		n    int
	}{
		{"failures", stats.Failures}, {"accepted", stats.ProposalsAccepted}, {"rejected", stats.ProposalsRejected}, {"silences accepted", stats.SilencesAccepted},
		{"silences rejected", stats.SilencesRejected}, {"operations", stats.Operations}, {"goals", stats.Ends[endGoal]}, {"cut", stats.Ends[endMaxEvents]},
	} {
		if n.n == 0 {
			t.Errorf("24 sessions with no %s", n.what)
		}
	}
	if len(res.Output(t, plan.FailuresOutput)) != 0 {
		t.Errorf("failures: %s", res.Output(t, plan.FailuresOutput))
	}
}

// garbled finds what a stand-in's sentences look like when a slot is filled with
// the wrong words.
var garbled = regexp.MustCompile(`  |[{]\}|\bthe (the|I|my)\b|\bof of\b|\bin in\b|\b(the|of|for|in|on|about|between|to) (puts?|goes|settles?|checks?|runs|opens?)\b|''|\.\.`)

func reflectJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func mustJSON[T any](t *testing.T, data []byte) *T {
	t.Helper()
	v := new(T)
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
	return v
}

var jsonl = []string{plan.ScenesOutput, plan.EpisodesOutput, plan.RowsOutput, plan.FailuresOutput}

func TestOutputsDependOnlyOnTheExperiment(t *testing.T) {
	c := gymCase(t)
	c.InFlight = 1
	want, err := jobtest.Run(t, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ inFlight, shards int }{{64, 1}, {3, 11}} {
		c.InFlight, c.Shards = tt.inFlight, tt.shards
		got, err := jobtest.Run(t, c)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range jsonl {
			if !bytes.Equal(got.Output(t, name), want.Output(t, name)) {
				t.Errorf("%s differs with %d in flight and %d shards", name, tt.inFlight, tt.shards)
			}
		}
		var sum trace.Stats
		for i := range got.Records {
			one := &jobtest.Result{Store: got.Store, Records: got.Records[i : i+1]}
			sum.Merge(mustJSON[trace.Stats](t, one.Output(t, plan.StatsOutput)))
		}
		if a, b := reflectJSON(t, &sum), strings.TrimSpace(string(want.Output(t, plan.StatsOutput))); a != reflectJSON(t, mustJSON[trace.Stats](t, []byte(b))) {
			t.Errorf("merged statistics of %d shards differ", tt.shards)
		}
	}
	// A change of these bytes is a change of Format, or of what sim says.
	const pinned = "8c256f9d31410bd3c734cab22a2ff806b94ed0866b72deaea46c0cff898066c0"
	if got := fmt.Sprintf("%x", sha256.Sum256(want.Output(t, plan.EpisodesOutput))); got != pinned {
		t.Errorf("the episodes of Format %d have the digest %s, want %s", Format, got, pinned)
	}
	c.Seed, c.Shards = 8, 1
	other, err := jobtest.Run(t, c)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(other.Output(t, plan.EpisodesOutput), want.Output(t, plan.EpisodesOutput)) {
		t.Error("another seed gives the same episodes")
	}
}

// TestHistoryIsOfTheExperiment: a bounded history changes the sessions, and
// shards still do not.
func TestHistoryIsOfTheExperiment(t *testing.T) {
	c := gymCase(t)
	all, err := jobtest.Run(t, c)
	if err != nil {
		t.Fatal(err)
	}
	p := c.Params.(plan.Generate)
	p.History = &plan.History{Keep: plan.HistorySummary, Exchanges: 4}
	c.Params = p
	whole, err := jobtest.Run(t, c)
	if err != nil {
		t.Fatal(err)
	}
	c.Shards, c.InFlight = 5, 9
	parts, err := jobtest.Run(t, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range jsonl {
		if !bytes.Equal(whole.Output(t, name), parts.Output(t, name)) {
			t.Errorf("%s differs with 5 shards", name)
		}
	}
	if bytes.Equal(whole.Output(t, plan.EpisodesOutput), all.Output(t, plan.EpisodesOutput)) {
		t.Error("the history changes nothing")
	}
}

// TestLineEndsMeanNothing: files saved with CRLF and a byte order mark give the
// same episodes.
func TestLineEndsMeanNothing(t *testing.T) {
	c := gymCase(t)
	want, err := jobtest.Run(t, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range c.Files["samples"].(fstest.MapFS) {
		file.Data = append([]byte("\ufeff"), bytes.ReplaceAll(file.Data, []byte("\n"), []byte("\r\n"))...)
	}
	got, err := jobtest.Run(t, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range jsonl {
		if !bytes.Equal(got.Output(t, name), want.Output(t, name)) {
			t.Errorf("%s differs", name)
		}
	}
}

// flawed lets a stand-in fail in every way that ends a row, now and then, by the
// request's own seed. What it says instead is among raw.
func flawed(m llm.Model) (llm.Chatter, error) {
	good := sim.New(m)
	return llm.ChatFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
		switch n := req.Seed % 500; {
		case n == 0 || n < 40 && req.Schema.Name == "scene":
			return &llm.Response{Content: "I cannot do that."}, nil
		case n == 1:
			return nil, &llm.Error{Model: m.Name, Status: 400, Code: "bad", Class: llm.Refused, Err: errors.New("no")}
		case n == 2:
			return &llm.Response{Content: "{\"cut\": \"o", FinishReason: "length"}, nil
		case n == 3:
			return &llm.Response{Content: "{\"unknown\": true}"}, nil
		case n == 4:
			return &llm.Response{Content: ""}, nil
		case n < 60 && len(req.Messages)%4 == 2: // and repairs mend these
			return &llm.Response{Content: "Let me think."}, nil
		}
		return good.Chat(ctx, req)
	}), nil
}

var flaws = []string{"I cannot do that.", "{\"cut\": \"o", "{\"unknown\": true}", "", "Let me think."}

// TestCountsAddUp lets models fail in every way that ends a row, at random, and
// holds the ledger to what was planned, for any number of shards and in flight.
func TestCountsAddUp(t *testing.T) {
	causes := map[string]int{}
	for seed := range uint64(2) {
		var first *jobtest.Result
		for _, how := range []struct{ shards, inFlight int }{{1, 1}, {1, 32}, {2, 5}, {3, 16}, {8, 2}} {
			c := gymCase(t)
			c.Seed, c.Shards, c.InFlight, c.Models = seed, how.shards, how.inFlight, jobtest.Models(flawed)
			c.Tolerance = job.Tolerance{Rate: 1, Window: 50} // of all
			res, err := jobtest.Run(t, c)
			if err != nil {
				t.Fatal(err)
			}
			var counts rows.Counts
			ids, failed := map[string]bool{}, map[string]string{}
			for _, r := range decode[rows.Row](t, res.Output(t, plan.RowsOutput)) {
				if err := counts.Add(r); err != nil {
					t.Error(err)
				}
				if ids[r.ID] {
					t.Errorf("two rows are called %s", r.ID)
				}
				ids[r.ID] = true
				if r.State == rows.Failed {
					failed[r.ID] = r.Cause
				}
			}
			episodes := decode[trace.Episode](t, res.Output(t, plan.EpisodesOutput))
			judged := 0
			for _, e := range episodes {
				judged += len(e.Judged())
			}
			if counts.Planned != 24 || counts.Accepted+counts.Rejected+counts.Failed+counts.Truncated != counts.Planned ||
				counts.Accepted+counts.Truncated != len(episodes) || counts.Yields != judged {
				t.Errorf("seed %d, %+v: %+v; %d episodes with %d judged rows", seed, how, counts, len(episodes), judged)
			}
			failures := decode[struct{ ID, Role, Cause, Error, Raw string }](t, res.Output(t, plan.FailuresOutput))
			for _, f := range failures {
				if failed[f.ID] != f.Cause || f.Role == "" || f.Error == "" || !slices.Contains(flaws, f.Raw) {
					t.Errorf("failure %+v of a row with the cause %q", f, failed[f.ID])
				}
				causes[f.Cause]++
				delete(failed, f.ID)
			}
			if len(failed) > 0 || len(failures) != counts.Failed || counts.Failed == 0 {
				t.Errorf("%d rows failed, %d failures; not among them: %v", counts.Failed, len(failures), failed)
			}
			if first == nil {
				first = res
			}
			for _, name := range jsonl {
				if !bytes.Equal(first.Output(t, name), res.Output(t, name)) {
					t.Errorf("seed %d: %s differs with %+v", seed, name, how)
				}
			}
		}
	}
	if len(causes) < 6 {
		t.Errorf("only these causes: %v", causes)
	}
}

// TestShardStopsWhenTooManyRowsFail: it stops at the same row whatever is in
// flight, pays for little more, and says why.
func TestShardStopsWhenTooManyRowsFail(t *testing.T) {
	var want string
	for _, inFlight := range []int{1, 7} {
		var sessions atomic.Int64
		c := gymCase(t)
		p := c.Params.(plan.Generate)
		p.Seeds, p.Count, p.Sessions = nil, 0, 2000
		c.Params, c.InFlight, c.Tolerance = p, inFlight, job.Tolerance{Rate: 0.25, Window: 20}
		c.Models = jobtest.Models(func(m llm.Model) (llm.Chatter, error) {
			good := sim.New(m)
			return llm.ChatFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
				if req.Schema.Name == "activity" && len(req.Messages) == 2 {
					sessions.Add(1)
				}
				if req.Replicate >= 100 && req.Replicate%2 == 0 && req.Schema.Name == "proposal" {
					return &llm.Response{Content: "No thanks."}, nil
				}
				return good.Chat(ctx, req)
			}), nil
		})
		_, err := jobtest.Run(t, c)
		if fault.Code(err) != fault.Permanent || !strings.Contains(err.Error(), "6 of the last 20 rows failed") ||
			!strings.Contains(err.Error(), `agent: no valid proposal (6); row scene-00000/100, for example: "No thanks."`) || !strings.Contains(fault.Hint(err), "failures") {
			t.Fatalf("error %v, hint %q", err, fault.Hint(err))
		}
		if want == "" {
			want = err.Error()
		}
		if err.Error() != want {
			t.Errorf("%d in flight: %v, want %s", inFlight, err, want)
		}
		if n := sessions.Load(); n < 111 || n > int64(120+(windowFactor+2)*inFlight) {
			t.Errorf("%d sessions were begun before the shard stopped at row 110", n)
		}
	}
}

func TestFailedSceneFailsItsSessions(t *testing.T) {
	c := gymCase(t)
	c.Models = jobtest.Models(func(m llm.Model) (llm.Chatter, error) {
		good := sim.New(m)
		return llm.ChatFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
			if req.Schema.Name == "scene" && strings.Contains(req.Messages[1].Content, "Domain: writing") {
				return &llm.Response{Content: `{"user":{}}`}, nil
			}
			return good.Chat(ctx, req)
		}), nil
	})
	res, err := jobtest.Run(t, c)
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, r := range decode[rows.Row](t, res.Output(t, plan.RowsOutput)) {
		if r.State == rows.Failed {
			failed++
			if r.Cause != "scenes: no valid scene" {
				t.Errorf("row %+v", r)
			}
		}
	}
	if scenes := decode[trace.Scene](t, res.Output(t, plan.ScenesOutput)); failed != 6 || len(scenes) != 6 {
		t.Errorf("%d rows failed and %d scenes were kept; want 6 and 6", failed, len(scenes))
	}
}

func TestErrorsThatEndTheRun(t *testing.T) {
	for _, tt := range []struct {
		name  string
		err   error
		class llm.Class
		code  int
	}{{"out of reach", nil, llm.Retryable, fault.Temporary}, {"denied", nil, llm.Denied, fault.Config}, {"interrupted", context.Canceled, 0, fault.Interrupted}} {
		t.Run(tt.name, func(t *testing.T) {
			c := gymCase(t)
			c.InFlight = 16
			var calls atomic.Int64
			cancel := context.CancelFunc(nil)
			c.Func = func(ctx context.Context, task *job.Task) error {
				ctx, cancel = context.WithCancel(ctx)
				defer cancel()
				return Run(ctx, task)
			}
			c.Models = jobtest.Models(func(m llm.Model) (llm.Chatter, error) {
				good := sim.New(m)
				return llm.ChatFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
					if calls.Add(1) < 100 {
						return good.Chat(ctx, req)
					}
					if tt.err != nil {
						cancel()
						<-ctx.Done()
						return nil, ctx.Err()
					}
					return nil, &llm.Error{Model: m.Name, Status: 500, Class: tt.class, Err: errors.New("no")}
				}), nil
			})
			_, err := jobtest.Run(t, c)
			if fault.Code(err) != tt.code || tt.err != nil && !errors.Is(err, tt.err) {
				t.Errorf("error %v has code %d, want %d", err, fault.Code(err), tt.code)
			}
			if n := calls.Load(); n > 100+16 {
				t.Errorf("%d calls after the end", n-100)
			}
		})
	}
}

func TestBadInput(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(p *plan.Generate, files fstest.MapFS)
		want   string
	}{
		{"limit above the file", func(p *plan.Generate, _ fstest.MapFS) { p.Limit = 2 }, "2 scenes are wanted, and samples/more/scenes.yaml has only 1"},
		{"no such file", func(p *plan.Generate, _ fstest.MapFS) { p.Seeds.Path = "gone.yaml" }, "gone.yaml"},
		{"no scenes", func(p *plan.Generate, _ fstest.MapFS) { p.Scenes, p.Count = nil, 0 }, "there is no scene to run"},
		{"no model for scenes", func(p *plan.Generate, _ fstest.MapFS) { p.Models.Scenes = nil }, "no model is named that writes scenes"},
		{"seeds cut in half", func(_ *plan.Generate, f fstest.MapFS) {
			f["seeds.yaml"] = &fstest.MapFile{Data: []byte("coding:\n  tasks: [a, b\n")}
		}, "samples/seeds.yaml:2:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := gymCase(t)
			p, files := c.Params.(plan.Generate), c.Files["samples"].(fstest.MapFS)
			seeds := *p.Seeds
			p.Seeds = &seeds
			tt.change(&p, files)
			c.Params = p
			_, err := jobtest.Run(t, c)
			if err == nil || !strings.Contains(err.Error(), tt.want) || fault.Code(err) != fault.Permanent {
				t.Errorf("error %v (code %d), want %q", err, fault.Code(err), tt.want)
			}
		})
	}
}

// TestManySessionsInBoundedMemory runs 1,000 short sessions and looks at the
// heap while they run: what is done must have been let go.
func TestManySessionsInBoundedMemory(t *testing.T) {
	c := gymCase(t)
	p := c.Params.(plan.Generate)
	p.Seeds, p.Count, p.Sessions, p.MaxEvents, p.ExecuteSteps = nil, 0, 1000, 3, 0
	c.Params, c.InFlight = p, 8
	bulk := strings.Repeat("x", 16<<10)
	var calls atomic.Int64
	var first, peak atomic.Uint64
	c.Models = jobtest.Models(func(llm.Model) (llm.Chatter, error) {
		return llm.ChatFunc(func(_ context.Context, req *llm.Request) (*llm.Response, error) {
			if calls.Add(1)%2000 == 0 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				first.CompareAndSwap(0, m.HeapAlloc)
				peak.Store(max(peak.Load(), m.HeapAlloc))
			}
			content := map[string]string{"activity": act, "events": happening("The user waits."), "proposal": silence,
				"verdict": `{"accepted":true,"reason":"` + bulk + `"}`}[req.Schema.Name]
			return &llm.Response{Content: content, FinishReason: "stop"}, nil
		}), nil
	})
	res, err := jobtest.Run(t, c)
	if err != nil {
		t.Fatal(err)
	}
	data := res.Output(t, plan.EpisodesOutput)
	if n := bytes.Count(data, []byte("\n")); n != 1000 {
		t.Errorf("%d episodes", n)
	}
	// 1,000 episodes are 47 MiB, of which the window holds 4; encoders and the
	// collector's timing account for some more.
	if grown := int64(peak.Load()) - int64(first.Load()); len(data) < 45<<20 || grown > 32<<20 {
		t.Errorf("the heap grew by %d MiB from %d MiB while %d MiB of episodes were made", grown>>20, first.Load()>>20, len(data)>>20)
	}
}

// TestRealScenes runs the gym on ProactiveBench's own seed tasks and scenes.
func TestRealScenes(t *testing.T) {
	dir := os.Getenv("GYMLINE_PROACTIVEBENCH")
	if dir == "" {
		dir = "../../../shared/data/proactivebench"
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no ProactiveBench data at " + dir)
	}
	c := gymCase(t)
	p := c.Params.(plan.Generate)
	p.MaxEvents = 6
	p.Scenes = &plan.File{Input: "bench", Path: "scenes.yaml"}
	p.Seeds, p.Count, p.Sessions = &plan.File{Input: "bench", Path: "seedtask.yaml"}, 68, 1
	files := fstest.MapFS{}
	for _, name := range []string{"scenes.yaml", "seedtask.yaml"} {
		data, err := os.ReadFile(dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: data}
	}
	c.Params, c.Files = p, map[string]fs.FS{"bench": files}
	res, err := jobtest.Run(t, c)
	if err != nil {
		t.Fatal(err)
	}
	stats := mustJSON[trace.Stats](t, res.Output(t, plan.StatsOutput))
	if stats.Scenes != 136 || stats.Sessions != 136 || len(stats.Domains) != 3 {
		t.Errorf("%d scenes, %d sessions, %d domains: %s", stats.Scenes, stats.Sessions, len(stats.Domains), res.Output(t, plan.FailuresOutput))
	}
	// All seed tasks were used, each once, and the scenes' things are woven in.
	goals := map[string]bool{}
	woven := 0
	scenes := decode[trace.Scene](t, res.Output(t, plan.ScenesOutput))
	for _, s := range scenes[68:] {
		goals[s.User.Goal] = true
	}
	episodes := decode[trace.Episode](t, res.Output(t, plan.EpisodesOutput))
	for i, e := range episodes[:68] {
		for _, entity := range scenes[i].Environment.Entities {
			name := strings.FieldsFunc(entity, func(r rune) bool { return strings.ContainsRune("(:/", r) })[0]
			if strings.Contains(reflectJSON(t, e.Turns), strings.Trim(reflectJSON(t, strings.TrimSpace(name)), `"`)) {
				woven++
				break
			}
		}
	}
	if len(goals) < 66 || woven != 68 {
		t.Errorf("%d different goals of 68 written scenes; entities in %d of 68 sessions", len(goals), woven)
	}
}
