package rewardmodel

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/seed"
	"github.com/gymline/gymline/internal/trace"
)

type osFiles string

func (d osFiles) Open(_ context.Context, path string) (io.ReadCloser, error) {
	return os.Open(filepath.Join(string(d), path))
}

func (d osFiles) List(dir string) (paths []string) {
	entries, _ := os.ReadDir(filepath.Join(string(d), dir))
	for _, e := range entries {
		paths = append(paths, filepath.Join(dir, e.Name()))
	}
	return paths
}

func (d osFiles) ReadAhead(_ context.Context, paths []string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, p := range paths {
			if !yield(os.ReadFile(filepath.Join(string(d), p))) {
				return
			}
		}
	}
}

func dataDir() string {
	if dir := os.Getenv("GYMLINE_PROACTIVEBENCH"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "..", "shared", "data", "proactivebench")
}

// proactiveBench reads the real reward data, or skips where it is not.
func proactiveBench(t *testing.T) []trace.Judged {
	t.Helper()
	dir := dataDir()
	if _, err := os.Stat(filepath.Join(dir, "reward_data")); err != nil {
		t.Skipf("no ProactiveBench data: %v", err)
	}
	var rows []trace.Judged
	err := trace.ReadRewardData(t.Context(), osFiles(dir), ".", func(r trace.RewardRow) error {
		if r.Cause != "" {
			t.Errorf("%s: %s", r.ID, r.Cause)
		}
		rows = append(rows, r.Judged)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func options(root uint64) Options {
	return Options{
		TaskLambda: 300, NeedLambda: 100, Resamples: 2000, Confidence: 0.95, Workers: 4,
		Rand: func(path ...string) *rand.Rand { return seed.New(root, append([]string{"reward"}, path...)...) },
	}
}

// TestProactiveBench holds the model to what it reaches on real annotations.
func TestProactiveBench(t *testing.T) {
	rows := proactiveBench(t)
	if len(rows) != 1749 {
		t.Fatalf("%d rows, want 1,629 and 120", len(rows))
	}
	start := time.Now()
	o := options(7)
	o.Resamples = 200 // intervals are logged and not asserted
	model, m, err := Train(t.Context(), rows, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("trained %d folds and scored %d rows in %v", m.Folds, len(rows), time.Since(start))
	for name, r := range map[string]*Result{"traceHeldOut": &m.TraceHeldOut, "official": m.Official, "crossValidation": m.CrossValidation} {
		t.Logf("%s: n %d, F1 %.3f %.3f, accuracy %.3f %.3f, AUC %.3f %.3f, proposals %+v, silences %+v, thresholds %v %v",
			name, r.Rows, r.F1, r.F1CI, r.Accuracy, r.AccuracyCI, r.AUC, r.AUCCI, r.Proposals, r.Silences, r.Thresholds, r.ThresholdRange)
	}
	h := m.TraceHeldOut
	if h.Rows != 120 || h.Traces != 14 || h.F1 < 0.64 || h.Accuracy < 0.66 || h.AUC < 0.78 || h.Leaky {
		t.Errorf("traces held out: F1 %.3f, accuracy %.3f, AUC %.3f on %d rows; want at least .64, .66, .78 on 120", h.F1, h.Accuracy, h.AUC, h.Rows)
	}
	if p, s := m.CrossValidation.Proposals, m.CrossValidation.Silences; math.Abs(float64(p.Model-p.Accepted)) > 30 || math.Abs(float64(s.Model-s.Accepted)) > 30 {
		t.Errorf("of %d held-out proposals the model accepts %d and people %d; of %d silences %d and %d", p.Rows, p.Model, p.Accepted, s.Rows, s.Model, s.Accepted)
	}
	if m.Official.AUC <= h.AUC || !m.Official.Leaky {
		t.Errorf("the official split leaks, so it must look better and say so: %+v", m.Official)
	}
	if m.Leakage.SameHistory != 120 || m.Leakage.LookupF1 < 0.929 || m.Leakage.LookupF1 > 0.931 {
		t.Errorf("leakage %+v; want all 120 rows and a lookup F1 of 0.930", m.Leakage)
	}
	if b := m.Baselines.AlwaysAccept; b.F1 < 0.666 || b.F1 > 0.667 || b.Accuracy != 0.5 || b.AUC != 0.5 {
		t.Errorf("always accept: %+v", b)
	}
	data, err := json.Marshal(model)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(data)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(rows); i += 37 {
		if a, b := model.Scorer().Score(rows[i].History, rows[i].Task), loaded.Scorer().Score(rows[i].History, rows[i].Task); a != b {
			t.Fatalf("row %d: stored %+v, fitted %+v", i, b, a)
		}
	}
}

// TestProactiveBenchShuffled trains on real text with labels dealt out anew
// among the rows of each kind: whatever is left is the protocol fooling itself.
func TestProactiveBenchShuffled(t *testing.T) {
	rows := proactiveBench(t)
	rng := rand.New(rand.NewPCG(8, 8))
	for _, silent := range []bool{false, true} {
		var which []int
		for i := range rows {
			if (rows[i].Task == nil) == silent {
				which = append(which, i)
			}
		}
		rng.Shuffle(len(which), func(a, b int) {
			x, y := &rows[which[a]], &rows[which[b]]
			x.Accepted, y.Accepted = y.Accepted, x.Accepted
			x.Votes, y.Votes = y.Votes, x.Votes
		})
	}
	for i := range rows {
		rows[i].HelpNeeded = nil
	}
	o := options(7)
	o.Resamples, o.Folds = 10, 2
	_, m, err := Train(t.Context(), rows, o)
	if err != nil {
		t.Fatal(err)
	}
	if p := m.CrossValidation.Proposals.AUC; p < 0.44 || p > 0.56 {
		t.Errorf("AUC %.3f on proposals whose labels were shuffled", p)
	}
	if s := m.CrossValidation.Silences.AUC; s < 0.38 || s > 0.62 {
		t.Errorf("AUC %.3f on silences whose labels were shuffled", s)
	}
}
