package plan

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/store"
)

func fixed() *Plan {
	return &Plan{
		Version: Version, Experiment: "fixed", Digest: store.DigestOf([]byte("fixed")), Seed: 7,
		Inputs: map[string]store.Digest{"samples": store.DigestOf([]byte("samples"))},
		Steps: []Step{
			{Name: "generate", Job: JobGenerate, Format: 1, Shards: 4, Share: Share{Params: json.RawMessage(`{"count":12,"b":0.5}`), Sources: []File{{Input: "samples", Path: "seeds.yaml"}}, Models: []string{"sim"}}},
			{Name: "predict", Job: JobPredict, Format: 1, Shards: 2, Each: []Share{{Params: json.RawMessage(`{"candidate":"a"}`)}, {Params: json.RawMessage(`{"candidate":"b"}`)}}},
			{Name: "reward", Job: JobReward, Format: 2, Shards: 1, Share: Share{Params: json.RawMessage(`{}`)}, Inputs: []Input{
				{Name: "episodes", Step: "generate", Output: EpisodesOutput}, {Name: "rows", Step: "generate", Output: RowsOutput}}},
		},
	}
}

// Digests are compared between machines, engines and versions of gymline: a
// change of these literals is a new plan format and wants a new Version.
func TestDigestsArePinned(t *testing.T) {
	p := fixed()
	raw, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	const wantPlan = "124b28192cdabcf9b2a16d162e6490428d1817fac459f231f5e5de307135a5a9"
	if got := store.DigestOf(raw); got != wantPlan {
		t.Errorf("plan digest %s, want %s\n%s", got, wantPlan, raw)
	}
	const wantKey = "6efc8c514935d1734216c35dbce51e9c9fab315d0b366c2a84cd80d0e26dfc62"
	key, err := p.Steps[0].WorkKey(p.Seed, 3, []Resolved{{Name: "samples", Digests: []store.Digest{store.DigestOf([]byte("samples"))}}})
	if err != nil || key != wantKey {
		t.Errorf("work key %s (%v), want %s", key, err, wantKey)
	}
}

func TestRoundTrip(t *testing.T) {
	raw, _ := fixed().Encode()
	p, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := p.Encode()
	if string(again) != string(raw) {
		t.Errorf("\n%s\n%s", raw, again)
	}
	if _, err := Decode([]byte(strings.Replace(string(raw), `"version":1`, `"version":2`, 1))); err == nil {
		t.Error("a later version was read")
	}
	if _, err := Decode([]byte(strings.Replace(string(raw), `"shards":2`, `"shards":3`, 1))); err == nil {
		t.Error("a plan with fewer shares than shards was read")
	}
	if _, err := Decode(raw[:len(raw)/2]); err == nil {
		t.Error("half a plan was read")
	}
}

func TestWorkKeyCoversWhatOutputsDependOn(t *testing.T) {
	inputs := []Resolved{{Name: "episodes", Digests: []store.Digest{"a", "b"}}}
	key := func(edit func(*Step), seed uint64, shard int, in []Resolved) store.WorkKey {
		s := fixed().Steps[0]
		if edit != nil {
			edit(&s)
		}
		k, err := s.WorkKey(seed, shard, in)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	base := key(nil, 7, 0, inputs)
	for name, other := range map[string]store.WorkKey{
		"step":         key(func(s *Step) { s.Name = "other" }, 7, 0, inputs),
		"job":          key(func(s *Step) { s.Job = "reward" }, 7, 0, inputs),
		"format":       key(func(s *Step) { s.Format++ }, 7, 0, inputs),
		"params":       key(func(s *Step) { s.Params = json.RawMessage(`{"count":13,"b":0.5}`) }, 7, 0, inputs),
		"shards":       key(func(s *Step) { s.Shards++ }, 7, 0, inputs),
		"seed":         key(nil, 8, 0, inputs),
		"shard":        key(nil, 7, 1, inputs),
		"input order":  key(nil, 7, 0, []Resolved{{Name: "episodes", Digests: []store.Digest{"b", "a"}}}),
		"input name":   key(nil, 7, 0, []Resolved{{Name: "rows", Digests: []store.Digest{"a", "b"}}}),
		"input absent": key(nil, 7, 0, nil),
	} {
		if other == base {
			t.Errorf("the work key does not depend on the %s", name)
		}
	}
	if key(func(s *Step) { s.Params = json.RawMessage(`{ "b": 5e-1, "count": 12 }`) }, 7, 0, inputs) != base {
		t.Error("the work key depends on how the parameters are spelt")
	}
	if key(func(s *Step) { s.Models = nil }, 7, 0, inputs) != base {
		t.Error("the work key depends on how models are reached")
	}
}

func TestShardsWithTheirOwnParametersAreIndependent(t *testing.T) {
	two := fixed().Steps[1]
	a, _ := two.WorkKey(7, 0, nil)
	b, _ := two.WorkKey(7, 1, nil)
	if a == b {
		t.Error("two candidates share a key")
	}
	more := two
	more.Shards, more.Each = 3, []Share{{Params: json.RawMessage(`{"candidate":"new"}`)}, two.Each[0], two.Each[1]}
	if again, _ := more.WorkKey(7, 1, nil); again != a {
		t.Error("another candidate changes the work of the first")
	}
}

func TestAfter(t *testing.T) {
	p := fixed()
	if got := p.Step("reward").After(); len(got) != 1 || got[0] != "generate" {
		t.Error(got)
	}
	if p.Step("nothing") != nil {
		t.Error("found a step that is not there")
	}
}

func TestParseRef(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Ref
		bad  bool
	}{
		{in: "evaluate/metrics.json", want: Ref{"evaluate", -1, "metrics.json"}},
		{in: "generate/3/episodes.jsonl", want: Ref{"generate", 3, "episodes.jsonl"}},
		{in: "finetune-export/trl/qwen2.5/agent_train.jsonl", want: Ref{"finetune-export", -1, "trl/qwen2.5/agent_train.jsonl"}},
		{in: "generate", bad: true}, {in: "generate/", bad: true}, {in: "/x", bad: true}, {in: "", bad: true},
	} {
		got, err := ParseRef(c.in)
		if c.bad != (err != nil) || got != c.want {
			t.Errorf("%q: %+v, %v", c.in, got, err)
		}
	}
}
