package experiment

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/sim"
	"github.com/gymline/gymline/internal/store"
)

func load(t *testing.T, file string, opts Options) *Experiment {
	t.Helper()
	e, err := Load(file, []byte(read(t, file)), opts)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestDefaults holds the whole of a spec that leaves out what it can.
func TestDefaults(t *testing.T) {
	e := load(t, "testdata/good/sim.yaml", Options{})
	got, err := json.MarshalIndent(e.Spec, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want := `{
 "seed": 1,
 "inputs": {
  "samples": {}
 },
 "models": {
  "local": {
   "provider": "openai",
   "baseURL": "http://127.0.0.1:8000/v1",
   "model": "qwen2.5",
   "schema": "json_schema",
   "price": {
    "prompt": 1,
    "cached": 1,
    "completion": 2
   }
  },
  "sim": {
   "provider": "sim",
   "skill": 0.8
  }
 },
 "generate": {
  "scenes": {
   "file": {
    "input": "samples",
    "path": "scenes.yaml"
   },
   "limit": 0,
   "count": 0
  },
  "sessions": 1,
  "shards": 1,
  "models": {
   "user": "sim",
   "environment": "sim",
   "agent": "sim"
  },
  "maxEvents": 20,
  "candidates": 1,
  "executeSteps": 3,
  "repairs": 2
 },
 "statistics": {
  "resamples": 2000,
  "confidence": 0.95
 }
}`
	if string(got) != want {
		t.Errorf("spec:\n%s\nwant:\n%s", got, want)
	}
}

func TestDefaultsOfSections(t *testing.T) {
	e := load(t, "testdata/good/minimal.yaml", Options{Set: []string{
		"export={data: {proactivebench: {input: pb, path: .}}}",
		"evaluate={benchmark: {input: pb, path: test_data}, candidates: [{name: a, recorded: {input: pb, path: a}}], judge: {rewardModel: true}}",
	}})
	pb := func(path string) *File { return &File{Input: "pb", Path: path} }
	want := Spec{
		Seed:       1,
		Inputs:     map[string]Input{"pb": {}},
		Reward:     &Reward{Data: Data{ProactiveBench: pb(".")}, TaskLambda: 300, NeedLambda: 100},
		Export:     &Export{Data: Data{ProactiveBench: pb(".")}, Families: []string{"llama3.1", "qwen2.5"}, Trainers: []string{"llama-factory", "trl"}, Sets: []string{"agent", "reward"}, Validation: 0.1},
		Evaluate:   &Evaluate{Benchmark: *pb("test_data"), Candidates: []Candidate{{Name: "a", Recorded: pb("a")}}, Judge: Judge{RewardModel: true}, Tasks: 1, Repairs: 2},
		Statistics: Statistics{Resamples: 2000, Confidence: 0.95},
	}
	if !reflect.DeepEqual(e.Spec, want) {
		t.Errorf("spec %+v\nwant %+v", e.Spec, want)
	}
}

// TestFull holds the values that a file gives against the defaults' taking over.
func TestFull(t *testing.T) {
	e := load(t, "testdata/good/full.yaml", Options{})
	if e.Spec.Seed != 1<<53-1 {
		t.Errorf("seed %d, want 2^53-1", e.Spec.Seed)
	}
	g := e.Spec.Generate
	if g.ExecuteSteps != 0 || g.Repairs != 0 || g.Shards != 17 || g.Scenes.Limit != 5 || g.Scenes.Count != 12 {
		t.Errorf("generate: %+v", *g)
	}
	if e.Spec.Export.Validation != 0 || !reflect.DeepEqual(e.Spec.Export.Sets, []string{"reward", "agent"}) {
		t.Errorf("export: %+v", *e.Spec.Export)
	}
	zero, topP := 0.0, 0.9
	want := llm.Model{
		Name: "large", Provider: llm.OpenAI, BaseURL: "https://api.openai.com/v1", Model: "meta-llama/Meta-Llama-3.1-8B-Instruct-AWQ-INT4",
		Temperature: &zero, TopP: &topP, MaxTokens: 512, Schema: "json_object",
	}
	if got := e.Spec.Models["large"].Identity("large"); !reflect.DeepEqual(got, want) {
		t.Errorf("identity %+v, want %+v", got, want)
	}
	access := llm.Access{KeyEnv: "OPENAI_API_KEY", Price: &llm.Price{Prompt: 0.15, Cached: 0.075, Completion: 0.6}}
	if got := e.Spec.Models["large"].Access(); !reflect.DeepEqual(got, access) {
		t.Errorf("access %+v, want %+v", got, access)
	}
	if got := e.Spec.Models["sim"].Identity("sim"); !reflect.DeepEqual(got, llm.Model{Name: "sim", Provider: llm.Sim, Params: llm.Params{Version: sim.Version}}) {
		t.Errorf("identity of a simulated model without skill: %+v", got)
	}
}

func TestScale(t *testing.T) {
	s := load(t, "testdata/good/scale.yaml", Options{}).Spec
	if g := s.Generate.History; *g != (History{Keep: "summary", Exchanges: 8}) {
		t.Errorf("history %+v", *g)
	}
	if c := s.Curate; c.Duplicates != 0.7 || c.Leakage != 0.6 || *c.Acceptance != (Share{Min: 0.25, Max: 0.75}) || c.Quota != 100 {
		t.Errorf("curate %+v", *c)
	}
	if *s.Failures != (Failures{Rate: 0.2, Window: 30}) || s.Budget.USD != 12.5 {
		t.Errorf("failures %+v, budget %+v", *s.Failures, *s.Budget)
	}
	m := s.Models["m"]
	if !m.Identity("m").Unredacted || *m.Access().Price != (llm.Price{Prompt: 1, Cached: 1, Completion: 4, Batch: 0.25}) {
		t.Errorf("model %+v, %+v", m.Identity("m"), *m.Access().Price)
	}
}

func TestProfile(t *testing.T) {
	const file = "testdata/good/profile-full.yaml"
	p, err := LoadProfile(file, []byte(read(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	want := ProfileSpec{
		Store: Storage{S3: &S3{
			Endpoint: "https://minio.example.com:9000/", Bucket: "gym.line-1", Prefix: "team/a", Region: "eu-central-1",
			AccessKey: &SecretRef{Env: "MINIO_ACCESS_KEY"}, SecretKey: &SecretRef{Env: "MINIO_SECRET_KEY"},
		}},
		Engine:      "local",
		Parallelism: Parallelism{Shards: 8, InFlight: 1000},
		Retries:     Retries{Limit: 0, Backoff: Duration(500 * time.Millisecond), MaxBackoff: Duration(90 * time.Second)},
		Limits:      map[string]Limits{"gpt": {Concurrency: 8, RequestsPerMinute: 500, TokensPerMinute: 200000}, "other": {}},
		Batch:       map[string]Batch{"gpt": {Gather: Duration(2 * time.Second), Poll: Duration(time.Minute), Requests: 1000}},
	}
	if !reflect.DeepEqual(p.Spec, want) {
		t.Errorf("profile %+v\nwant %+v", p.Spec, want)
	}
	if got := p.Spec.Limits["gpt"].Identity(); got != (llm.Limits{Concurrency: 8, RequestsPerMinute: 500, TokensPerMinute: 200000}) {
		t.Errorf("limits %+v", got)
	}
	data, err := json.Marshal(p.Spec.Retries)
	if err != nil || string(data) != `{"limit":0,"backoff":"500ms","maxBackoff":"1m30s"}` {
		t.Errorf("retries as JSON: %s, %v", data, err)
	}
}

func TestDefaultProfile(t *testing.T) {
	want := ProfileSpec{
		Store:       Storage{Folder: &Folder{Path: ".gymline"}},
		Engine:      "local",
		Parallelism: Parallelism{Shards: 2, InFlight: 64},
		Retries:     Retries{Limit: 4, Backoff: Duration(time.Second), MaxBackoff: Duration(30 * time.Second)},
	}
	if got := DefaultProfile().Spec; !reflect.DeepEqual(got, want) {
		t.Errorf("default %+v\nwant %+v", got, want)
	}
	const file = "testdata/good/profile-minimal.yaml"
	p, err := LoadProfile(file, []byte(read(t, file)))
	if err != nil || !reflect.DeepEqual(p.Spec, want) {
		t.Errorf("of spec: {}: %+v, %v\nwant %+v", p, err, want)
	}
}

// TestFormerName reads what older profiles say.
func TestFormerName(t *testing.T) {
	var specs []ProfileSpec
	for _, file := range []string{"testdata/good/profile-embedded.yaml", "testdata/good/profile-folder.yaml"} {
		p, err := LoadProfile(file, []byte(read(t, file)))
		if err != nil {
			t.Fatal(err)
		}
		specs = append(specs, p.Spec)
	}
	if want := (Storage{Folder: &Folder{Path: "/var/lib/gymline"}}); !reflect.DeepEqual(specs[0], specs[1]) || !reflect.DeepEqual(specs[0].Store, want) {
		t.Errorf("stores %+v and %+v, want %+v", specs[0].Store, specs[1].Store, want)
	}
}

// TestDigest pins what work keys and experiment digests rest on: a change here
// makes every store's memo useless, and wants a new apiVersion.
func TestDigest(t *testing.T) {
	e := load(t, "testdata/good/full.yaml", Options{})
	data, err := canonical.JSON(e.Spec)
	if err != nil {
		t.Fatal(err)
	}
	const want = "68d5ba5b136f37974bde8979d224bffa6e12327defcf16b30ba1bde3be3c6b47"
	if got := store.DigestOf(data); got != want {
		t.Errorf("digest of the spec %s, want %s, over\n%s", got, want, data)
	}
	moved := load(t, "testdata/good/full.yaml", Options{Inputs: map[string]string{"samples": "/elsewhere"}})
	again, err := canonical.JSON(moved.Spec)
	if err != nil || string(again) != string(data) {
		t.Errorf("where an input lies changes the spec: %s, %v", again, err)
	}
}

func TestKinds(t *testing.T) {
	experiment, profile := []byte(read(t, "testdata/good/minimal.yaml")), []byte(read(t, "testdata/good/profile-minimal.yaml"))
	if v, err := LoadAny("f", experiment, Options{}); err != nil || reflect.TypeOf(v) != reflect.TypeFor[*Experiment]() {
		t.Errorf("%T, %v", v, err)
	}
	if v, err := LoadAny("f", profile, Options{}); err != nil || reflect.TypeOf(v) != reflect.TypeFor[*Profile]() {
		t.Errorf("%T, %v", v, err)
	}
	if _, err := Load("f", profile, Options{}); err == nil || err.Error() != `f:2:7: kind: is "Profile", not Experiment; give the profile by --profile, and an experiment here` {
		t.Errorf("profile as experiment: %v", err)
	}
	if _, err := LoadProfile("f", experiment); err == nil || err.Error() != `f:2:7: kind: is "Experiment", not Profile; give a file of kind Profile` {
		t.Errorf("experiment as profile: %v", err)
	}
}

func TestLineEndsAndMark(t *testing.T) {
	text := read(t, "testdata/good/full.yaml")
	want := load(t, "testdata/good/full.yaml", Options{})
	got, err := Load("testdata/good/full.yaml", []byte("\ufeff"+strings.ReplaceAll(text, "\n", "\r\n")), Options{})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("with CRLF and a byte order mark: %+v, %v", got, err)
	}
}

func TestTooLarge(t *testing.T) {
	text := read(t, "testdata/good/minimal.yaml") + strings.Repeat("# comment\n", maxBytes/10)
	_, err := Load("f", []byte(text), Options{})
	if err == nil || !strings.HasPrefix(err.Error(), "f:1:1: has 65") {
		t.Errorf("got %v", err)
	}
}

func TestOverrides(t *testing.T) {
	for _, tt := range []struct {
		set  []string
		want func(s *Spec) bool
	}{
		{[]string{"seed=5"}, func(s *Spec) bool { return s.Seed == 5 }},
		{[]string{"spec.seed=5"}, func(s *Spec) bool { return s.Seed == 5 }},
		{[]string{"seed=5", "seed=6"}, func(s *Spec) bool { return s.Seed == 6 }},
		{[]string{"statistics=null", "statistics.resamples=null"}, func(s *Spec) bool { return s.Statistics.Resamples == 2000 }},
		{[]string{"seed=null"}, func(s *Spec) bool { return s.Seed == 1 }},
		{[]string{"generate.shards=4"}, func(s *Spec) bool { return s.Generate.Shards == 4 && s.Generate.Sessions == 2 }},
		{[]string{"generate.models={user: sim, environment: sim, agent: large}"}, func(s *Spec) bool { return s.Generate.Models.Agent == "large" }},
		{[]string{"export=null", "reward.data={gym: true}"}, func(s *Spec) bool { return s.Export == nil && s.Reward.Data.ProactiveBench == nil }},
		{[]string{"export.sets=[agent]"}, func(s *Spec) bool { return reflect.DeepEqual(s.Export.Sets, []string{"agent"}) }},
		{[]string{"export.sets.0=null"}, func(s *Spec) bool { return reflect.DeepEqual(s.Export.Sets, []string{"agent"}) }},
		{[]string{"evaluate.candidates[0].name=renamed"}, func(s *Spec) bool { return s.Evaluate.Candidates[0].Name == "renamed" }},
		{[]string{"evaluate.candidates.0.name=renamed"}, func(s *Spec) bool { return s.Evaluate.Candidates[0].Name == "renamed" }},
		{[]string{"statistics=null", "statistics.resamples=100"}, func(s *Spec) bool { return s.Statistics == Statistics{Resamples: 100, Confidence: 0.95} }},
		{[]string{"models.new.provider=sim", "evaluate.judge={model: new}"}, func(s *Spec) bool { return *s.Models["new"].Skill == 0.8 && s.Evaluate.Judge.Model == "new" }},
		{[]string{"models.large.model=\"a=b\""}, func(s *Spec) bool { return s.Models["large"].Model == "a=b" }},
	} {
		t.Run(strings.Join(tt.set, " "), func(t *testing.T) {
			e := load(t, "testdata/good/full.yaml", Options{Set: tt.set})
			if !tt.want(&e.Spec) {
				t.Errorf("got %+v", e.Spec)
			}
		})
	}
}

func TestInputs(t *testing.T) {
	dir := t.TempDir()
	for _, file := range []string{"samples/seeds.yaml", "elsewhere/seeds.yaml", "samples/benchmark/a.json"} {
		path := filepath.Join(dir, filepath.FromSlash(file))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	const text = `apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: x}
spec:
  inputs: {samples: {path: samples}}
  models: {sim: {provider: sim}}
  generate:
    scenes: {seeds: {input: samples, path: seeds.yaml}, model: sim, count: 1}
    models: {user: sim, environment: sim, agent: sim}
  evaluate:
    benchmark: {input: samples, path: benchmark}
    candidates: [{name: sim, model: sim}]
    judge: {model: sim}
`
	name := filepath.Join(dir, "x.yaml")
	run := func(text string, opts Options) (string, string) {
		e, err := Load(name, []byte(text), opts)
		if err != nil {
			return "", strings.ReplaceAll(err.Error(), dir, "DIR")
		}
		return e.Spec.Inputs["samples"].Path, ""
	}
	elsewhere := map[string]string{"samples": filepath.Join(dir, "elsewhere")}
	noPath := strings.Replace(text, "{path: samples}", "{}", 1)
	for _, tt := range []struct {
		name, text string
		opts       Options
		path, err  string
	}{
		{"of the file", text, Options{Stat: os.Stat, NeedInputs: true}, filepath.Join(dir, "samples"), ""},
		{"of the command line", text, Options{Inputs: elsewhere}, filepath.Join(dir, "elsewhere"), ""},
		{"none, and none needed", noPath, Options{Stat: os.Stat}, "", ""},
		{"none", noPath, Options{NeedInputs: true}, "", "DIR/x.yaml:5:12: spec.inputs.samples.path: is given neither here nor on the command line; add --input samples=PATH"},
		{"absent within", text, Options{Stat: os.Stat, Inputs: elsewhere}, "", "DIR/x.yaml:11:39: spec.evaluate.benchmark.path: DIR/elsewhere/benchmark cannot be read: no such file or directory; correct the path, or put the data there"},
		{"absent", strings.Replace(text, "path: samples", "path: sample", 1), Options{Stat: os.Stat}, "", "DIR/x.yaml:5:28: spec.inputs.samples.path: DIR/sample cannot be read: no such file or directory; correct the path, or put the data there"},
		{"file for folder", strings.Replace(text, "path: benchmark", "path: seeds.yaml", 1), Options{Stat: os.Stat}, "", "DIR/x.yaml:11:39: spec.evaluate.benchmark.path: DIR/samples/seeds.yaml is not a folder; give the path of a folder"},
		{"folder for file", strings.Replace(text, "path: seeds.yaml", "path: benchmark", 1), Options{Stat: os.Stat}, "", "DIR/x.yaml:8:44: spec.generate.scenes.seeds.path: DIR/samples/benchmark is not a file; give the path of a file"},
		{"absent on the command line", text, Options{Stat: os.Stat, Inputs: map[string]string{"samples": filepath.Join(dir, "no")}}, "", "--input samples=DIR/no: spec.inputs.samples.path: DIR/no cannot be read: no such file or directory; correct the path, or put the data there"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if path, err := run(tt.text, tt.opts); path != tt.path || err != tt.err {
				t.Errorf("path %q and error %q\nwant %q and %q", path, err, tt.path, tt.err)
			}
		})
	}
}

// TestShippedInputs holds that what the shipped experiments refer to ships too.
func TestShippedInputs(t *testing.T) {
	for _, file := range glob(t, "../../configs/*.yaml") {
		if _, err := Load(file, []byte(read(t, file)), Options{Stat: os.Stat}); err != nil {
			t.Errorf("%v", err)
		}
	}
}

func TestProactiveBenchInputs(t *testing.T) {
	dir := os.Getenv("GYMLINE_PROACTIVEBENCH")
	if dir == "" {
		dir = "../../../shared/data/proactivebench"
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no ProactiveBench data at " + dir)
	}
	load(t, "../../configs/proactivebench.yaml", Options{Inputs: map[string]string{"proactivebench": dir}, Stat: os.Stat, NeedInputs: true})
}
