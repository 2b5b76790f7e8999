package verify_test

import (
	"bytes"
	"compress/gzip"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/audit/pack"
	"github.com/gymline/gymline/internal/audit/sign"
	"github.com/gymline/gymline/internal/audit/verify"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// kept is a store with the sealed and signed run of testdata, and the key that signed it.
func kept(t *testing.T) (*store.Store, crypto.PublicKey) {
	t.Helper()
	f, err := os.Open("testdata/signed.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tar, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	st := store.New(store.NewMem())
	if _, err := pack.Unpack(t.Context(), st, tar); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/signed.pub")
	if err != nil {
		t.Fatal(err)
	}
	key, err := sign.Public(text)
	if err != nil {
		t.Fatal(err)
	}
	return st, key
}

// TestForEver verifies a run that was sealed and signed in November 2026. It must verify for
// ever, whatever later versions plan.
func TestForEver(t *testing.T) {
	st, key := kept(t)
	var told atomic.Int64
	r, err := verify.Run(t.Context(), st, "small-2", verify.Options{Version: "a later one", Keys: []crypto.PublicKey{key}, Told: func(int64, int64) { told.Add(1) }})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Problems) > 0 || !r.Bound || len(r.SignedBy) != 1 || r.State != store.Succeeded || r.Objects < 50 || told.Load() != r.Objects {
		t.Errorf("%+v", r)
	}
	remarks := strings.Join(r.Remarks, "\n")
	if !strings.Contains(remarks, "another version") || !strings.Contains(remarks, "run small-1") {
		t.Errorf("remarks %q", remarks)
	}
	data, err := json.Marshal(r.Statement("v9", "2026-11-29T12:00:00.000Z"))
	for _, want := range []string{
		`"_type":"https://in-toto.io/Statement/v1"`, `"predicateType":"https://slsa.dev/verification_summary/v1"`, `"verificationResult":"PASSED"`,
		`"name":"runs/small-2/seal.json","digest":{"sha256":"` + string(r.Seal), `"timeVerified":"2026-11-29T12:00:00.000Z"`, "GYMLINE_SIGNED", `"problems":[]`,
	} {
		if err != nil || !bytes.Contains(data, []byte(want)) {
			t.Errorf("%s lacks %s, %v", data, want, err)
		}
	}
}

// A store that has every run says that the one before is gone.
func TestAnEarlierRunIsGone(t *testing.T) {
	st, _ := kept(t)
	r, err := verify.Run(t.Context(), st, "small-2", verify.Options{Version: "a later one", Whole: true})
	if err != nil || len(r.Problems) != 2 || r.Problems[0].Key != "runs/small-1/run.json" || r.Problems[1].Key != "runs/small-1/seal.json" {
		t.Fatalf("%+v, %v", r, err)
	}
	if s := r.Statement("v9", ""); s.Predicate.VerificationResult != "FAILED" || len(s.Predicate.VerifiedLevels) != 0 {
		t.Errorf("%+v", s)
	}
}

// newRuns is an empty store, its runs, and what ends a test at an error.
func newRuns(t *testing.T) (*store.Store, run.Registry, func(error)) {
	st := store.New(store.NewMem())
	return st, run.Registry{Store: st, Now: func() time.Time { return time.Unix(1000, 0) }}, func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Runs that overlapped are missed, in whatever order they ended, and the word of a removal
// counts where it is of what was there.
func TestARunThatOverlappedIsGone(t *testing.T) {
	st, r, ok := newRuns(t)
	d, err := run.NewDraft(&plan.Plan{Version: plan.Version, Experiment: "x"}, nil, run.Execution{}, false)
	ok(err)
	var ids []store.RunID
	for range 5 {
		id, err := r.Open(t.Context(), d, nil)
		ok(err)
		ids = append(ids, id)
	}
	for _, n := range []int{1, 3, 2, 5} { // 4 is never sealed
		ok(r.Seal(t.Context(), ids[n-1], store.Succeeded))
	}
	seal, err := st.ReadSeal(t.Context(), "x-2")
	ok(err)
	sum, err := st.BindSeal(t.Context(), "x-2")
	ok(err)
	found := func(whole bool) (keys []string, remarks string) {
		r, err := verify.Run(t.Context(), st, "x-5", verify.Options{Whole: whole})
		ok(err)
		for _, p := range r.Problems {
			keys = append(keys, p.Key)
		}
		return slices.Compact(keys), strings.Join(r.Remarks, "\n")
	}
	if keys, _ := found(true); keys != nil {
		t.Fatalf("as it was: %q", keys)
	}
	remove := func(id store.RunID) {
		rest := store.NewMem()
		for key, err := range st.Bucket().List(t.Context(), "") {
			ok(err)
			if strings.HasPrefix(key, "runs/"+string(id)+"/") {
				continue
			}
			data, err := st.ReadObject(t.Context(), key)
			ok(err)
			ok(rest.Put(t.Context(), key, bytes.NewReader(data), int64(len(data))))
		}
		st = store.New(rest)
	}
	remove("x-2")
	if keys, _ := found(true); !slices.Equal(keys, []string{"runs/x-2/run.json", "runs/x-2/seal.json"}) {
		t.Errorf("without run 2: %q", keys)
	}
	stone := func(binding store.Digest) {
		data := fmt.Appendf(nil, `{"format":1,"run":"x-2","experiment":"x","by":"eve","seal":%q,"binding":%q}`, sum.SHA256, binding)
		ok(st.Bucket().Put(t.Context(), "removed/x-2.json", bytes.NewReader(data), int64(len(data))))
	}
	stone("")
	if keys, _ := found(true); !slices.Equal(keys, []string{"removed/x-2.json"}) {
		t.Errorf("a forged word of removal: %q", keys)
	}
	stone(seal.Binding)
	if keys, remarks := found(true); keys != nil || !strings.Contains(remarks, "run x-2 was removed by eve") {
		t.Errorf("word of removal: %q, %s", keys, remarks)
	}
	remove("x-4")
	if keys, _ := found(true); !slices.Equal(keys, []string{"runs/x-4/run.json"}) {
		t.Errorf("without a run that was not sealed: %q", keys)
	}
}

// There is nothing to verify of a run that is none.
func TestNoRun(t *testing.T) {
	if _, err := verify.Run(t.Context(), store.New(store.NewMem()), "small-2", verify.Options{}); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}

// A run under way may have a hand-in, and nothing binds it yet.
func TestARunUnderWay(t *testing.T) {
	st := store.New(store.NewMem())
	p := plan.Plan{Version: plan.Version, Experiment: "x", Inputs: map[string]store.Digest{}}
	raw, err := p.Encode()
	err = errors.Join(err, st.CreateRun(t.Context(), store.Run{ID: "x-1", Experiment: "x", Plan: store.DigestOf(raw)}), st.PutPlan(t.Context(), "x-1", raw),
		st.Bucket().Create(t.Context(), "handin/x-1/agent/blobs/sha256/aa/aa", []byte("no JSON")))
	if err != nil {
		t.Fatal(err)
	}
	r, err := verify.Run(t.Context(), st, "x-1", verify.Options{})
	if err != nil || len(r.Problems) > 0 || r.Bound || r.Seal != "" || !strings.Contains(strings.Join(r.Remarks, "\n"), "not sealed") {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestAnotherPlan puts another experiment in the place of the one that was run: the field that
// differs is named, where this is the version that planned it.
func TestAnotherPlan(t *testing.T) {
	st, _ := kept(t)
	record, err := st.ReadRun(t.Context(), "small-2")
	if err != nil {
		t.Fatal(err)
	}
	p, err := run.ReadPlan(t.Context(), st, "small-2")
	if err != nil {
		t.Fatal(err)
	}
	formats := map[string]int{}
	for _, s := range p.Steps {
		formats[s.Job] = s.Format
	}
	text, err := st.ReadBlob(t.Context(), record.Source.Experiment)
	if err != nil {
		t.Fatal(err)
	}
	other, err := st.PutBlob(t.Context(), bytes.Replace(text, []byte("sessions: 1"), []byte("sessions: 2"), 1))
	if err != nil || other == record.Source.Experiment {
		t.Fatal(other, err, string(text))
	}
	data, err := st.ReadObject(t.Context(), "runs/small-2/run.json")
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.Replace(data, []byte(record.Source.Experiment), []byte(other), 1)
	if err := st.Bucket().Put(t.Context(), "runs/small-2/run.json", bytes.NewReader(data), int64(len(data))); err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]string{record.Version: "step generate: params.sessions 2, as the experiment gives", "v99": ""} {
		r, err := verify.Run(t.Context(), st, "small-2", verify.Options{Version: version, Formats: formats})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(r.Problems, func(p verify.Problem) bool { return p.Key == "runs/small-2/plan.json" })
		if want == "" {
			if remarks := strings.Join(r.Remarks, "\n"); i >= 0 || !strings.Contains(remarks, "not recomputed: another version, "+record.Version) {
				t.Errorf("by %s: %+v, %s", version, r.Problems, remarks)
			}
		} else if i < 0 || r.Problems[i].Expected != want || !strings.HasPrefix(r.Problems[i].Found, "1") {
			t.Errorf("by %s: %+v", version, r.Problems)
		}
	}
}

// TestMakers: a run that took work over binds the record of whoever did it, so that one that is
// altered later is told of, and one that is gone is a remark.
func TestMakers(t *testing.T) {
	st, r, ok := newRuns(t)
	p := &plan.Plan{Version: plan.Version, Experiment: "x", Steps: []plan.Step{{Name: "make", Job: "make", Format: 1, Shards: 1}}}
	d, err := run.NewDraft(p, nil, run.Execution{}, false)
	ok(err)
	work, err := p.Steps[0].WorkKey(p.Seed, 0, nil)
	ok(err)
	blob, err := st.PutBlob(t.Context(), []byte("made\n"))
	ok(err)
	first, err := r.Open(t.Context(), d, nil)
	ok(err)
	rec := store.Step{
		Run: first, Step: "make", WorkKey: work, Outputs: []store.Artifact{{Name: "part", Digest: blob, Bytes: 5}},
		Started: "2026-11-29T12:00:00.000Z", Finished: "2026-11-29T12:00:00.000Z",
	}
	ok(st.CommitStep(t.Context(), rec))
	ok(r.Seal(t.Context(), first, store.Succeeded))
	second, err := r.Open(t.Context(), d, nil)
	ok(err)
	ok(r.TakeOver(t.Context(), p, first, second))
	ok(r.Seal(t.Context(), second, store.Succeeded))
	verified := func() *verify.Result {
		t.Helper()
		r, err := verify.Run(t.Context(), st, second, verify.Options{})
		ok(err)
		return r
	}
	taken, err := st.ReadStep(t.Context(), second, "make", 0)
	ok(err)
	if r := verified(); len(r.Problems) > 0 || taken.MadeBy == nil || taken.MadeBy.Run != first {
		t.Errorf("%+v: %+v", taken, r)
	}
	const made = "runs/x-1/steps/make/0.json"
	data, err := st.ReadObject(t.Context(), made)
	ok(err)
	data = bytes.Replace(data, []byte(`"started": "2026`), []byte(`"started": "1926`), 1)
	ok(st.Bucket().Put(t.Context(), made, bytes.NewReader(data), int64(len(data))))
	if r := verified(); !slices.ContainsFunc(r.Problems, func(p verify.Problem) bool {
		return p.Key == made && p.Expected == "sha256 "+string(taken.MadeBy.SHA256)+", as runs/x-2/steps/make/0.json says"
	}) {
		t.Errorf("%+v", r.Problems)
	}
	left := store.NewMem()
	for key, err := range st.Bucket().List(t.Context(), "") {
		ok(err)
		if data, err := st.ReadObject(t.Context(), key); !strings.HasPrefix(key, "runs/x-1/") && !strings.HasPrefix(key, "memo/") {
			ok(err)
			ok(left.Put(t.Context(), key, bytes.NewReader(data), int64(len(data))))
		}
	}
	st = store.New(left)
	if r := verified(); len(r.Problems) > 0 || !strings.Contains(strings.Join(r.Remarks, "\n"), "run x-1 did work that this one took over") {
		t.Errorf("%+v", r)
	}
}
