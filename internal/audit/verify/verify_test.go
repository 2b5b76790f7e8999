package verify_test

import (
	"bytes"
	"compress/gzip"
	"crypto"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gymline/gymline/internal/audit/pack"
	"github.com/gymline/gymline/internal/audit/sign"
	"github.com/gymline/gymline/internal/audit/verify"
	"github.com/gymline/gymline/internal/plan"
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
	if err != nil || len(r.Problems) != 1 || r.Problems[0].Key != "runs/small-1/seal.json" {
		t.Fatalf("%+v, %v", r, err)
	}
	if s := r.Statement("v9", ""); s.Predicate.VerificationResult != "FAILED" || len(s.Predicate.VerifiedLevels) != 0 {
		t.Errorf("%+v", s)
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
