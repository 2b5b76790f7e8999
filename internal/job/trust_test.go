package job_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/store"
)

// recorded stores a memo, and the record that it is a copy of.
func recorded(t *testing.T, s *store.Store, rec store.Step) {
	t.Helper()
	if err := s.PutMemo(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	key, err := store.StepKey(rec.Run, rec.Step, rec.Shard)
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, s, key, object(t, s, "memo/"+string(rec.WorkKey)+".json"))
}

func object(t *testing.T, s *store.Store, key string) []byte {
	t.Helper()
	r, err := s.Bucket().Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func overwrite(t *testing.T, s *store.Store, key string, data []byte) {
	t.Helper()
	if err := s.Bucket().Put(t.Context(), key, bytes.NewReader(data), int64(len(data))); err != nil {
		t.Fatal(err)
	}
}

// seal seals a run with the binding of its records, but for those that are left out.
func seal(t *testing.T, s *store.Store, id store.RunID, state, without string) {
	t.Helper()
	keys, err := s.BoundKeys(t.Context(), id)
	b := store.Binding{Format: 1, Run: id}
	for _, key := range keys {
		if without != "" && strings.HasSuffix(key, without) {
			continue
		}
		bound, err := s.Bind(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		b.Records = append(b.Records, bound)
	}
	data, _ := json.Marshal(b)
	d, putErr := s.PutBlob(t.Context(), data)
	if sealErr := s.SealRun(t.Context(), store.Seal{Run: id, State: state, Binding: d}); err != nil || putErr != nil || sealErr != nil {
		t.Fatal(err, putErr, sealErr)
	}
}

// asked makes a run one of a gymline that binds what it seals.
func asked(s *store.Store, id store.RunID) {
	ctx := context.Background()
	r, err := s.ReadRun(ctx, id)
	if err != nil {
		panic(err)
	}
	r.Binary = &store.Binary{Version: "v1"}
	data, _ := json.Marshal(r)
	if err := s.Bucket().Put(ctx, "runs/"+string(id)+"/run.json", bytes.NewReader(data), int64(len(data))); err != nil {
		panic(err)
	}
}

// A memo is taken for what the run recorded that did the work: one that was altered is
// none, and the work is done again, which is said, once.
func TestMemosAreHeldAgainstRecords(t *testing.T) {
	memoOf := func(s *store.Store, rec store.Step) string { return "memo/" + string(rec.WorkKey) + ".json" }
	other := func(s *store.Store, rec store.Step) store.Step {
		d, _ := s.PutBlob(t.Context(), []byte("forged\n"))
		rec.Outputs = []store.Artifact{{Name: "left", Digest: d, Bytes: 7}, {Name: "right", Digest: d, Bytes: 7}}
		rec.Stored = nil
		return rec
	}
	for name, c := range map[string]struct {
		state   string // of the seal; "" leaves the run without
		unbound string
		alter   func(s *store.Store, rec store.Step)
		trusted bool
		because string // of the warning; "" is none
	}{
		"as it was":                  {state: store.Succeeded, alter: func(*store.Store, store.Step) {}, trusted: true},
		"as it was, of no seal":      {alter: func(*store.Store, store.Step) {}, trusted: true},
		"an altered memo":            {store.Succeeded, "", func(s *store.Store, rec store.Step) { _ = s.PutMemo(t.Context(), other(s, rec)) }, false, "says otherwise"},
		"an altered memo of no seal": {"", "", func(s *store.Store, rec store.Step) { _ = s.PutMemo(t.Context(), other(s, rec)) }, false, "says otherwise"},
		"both altered":               {store.Succeeded, "", func(s *store.Store, rec store.Step) { recorded(t, s, other(s, rec)) }, false, "is what the seal of run line-1 binds"},
		"the record altered": {store.Succeeded, "", func(s *store.Store, rec store.Step) {
			memo := object(t, s, memoOf(s, rec))
			recorded(t, s, other(s, rec))
			overwrite(t, s, memoOf(s, rec), memo)
		}, true, ""}, // the memo is what the seal binds
		"another attempt's memo": {store.Succeeded, "", func(s *store.Store, rec store.Step) {
			rec.Started = "2020-01-01T00:00:00Z"
			_ = s.PutMemo(t.Context(), rec)
		}, false, "says otherwise"},
		"an altered account of what it took": {store.Succeeded, "", func(s *store.Store, rec store.Step) {
			rec.Usage = []byte(`{"calls":1}`)
			_ = s.PutMemo(t.Context(), rec)
		}, false, "says otherwise"},
		"a seal whose binding was taken out": {store.Succeeded, "", func(s *store.Store, _ store.Step) {
			overwrite(t, s, "runs/line-1/seal.json", []byte(`{"format":1,"run":"line-1","state":"Succeeded","finished":"x"}`))
			asked(s, "line-1")
		}, false, "binds nothing"},
		"a seal that says why it binds nothing": {store.Succeeded, "", func(s *store.Store, _ store.Step) {
			overwrite(t, s, "runs/line-1/seal.json", []byte(`{"format":1,"run":"line-1","state":"Succeeded","finished":"x","unbound":"no time"}`))
			asked(s, "line-1")
		}, true, ""},
		"a memo and a record of a run that is none": {store.Succeeded, "", func(s *store.Store, rec store.Step) {
			rec = other(s, rec)
			rec.Run = "line-9"
			recorded(t, s, rec)
		}, false, "there is no run line-9"},
		"of a run that was removed": {"", "", func(s *store.Store, rec store.Step) {
			rec.Run = "line-9"
			_ = s.PutMemo(t.Context(), rec)
			overwrite(t, s, "removed/line-9.json", []byte(`{}`))
		}, false, ""},
		"another shard's work": {store.Succeeded, "", func(s *store.Store, rec store.Step) {
			second, err := s.ReadStep(t.Context(), "line-1", "make", 1)
			second.WorkKey = rec.WorkKey
			if err != nil {
				t.Fatal(err)
			}
			recorded(t, s, second)
		}, false, "has no such work at make/1"},
		"a record that is not bound":                         {store.Succeeded, "make/0.json", func(*store.Store, store.Step) {}, false, "binds no runs/line-1/steps/make/0.json"},
		"a record that came after the seal of a stopped run": {store.Interrupted, "make/0.json", func(*store.Store, store.Step) {}, true, ""},
		"of a run that is none":                              {"", "", func(s *store.Store, rec store.Step) { rec.Run = "line-9"; _ = s.PutMemo(t.Context(), rec) }, false, "there is no run line-9"},
		"of another run's binding": {store.Succeeded, "", func(s *store.Store, rec store.Step) {
			rec = other(s, rec)
			rec.Shard = 1
			_ = s.PutMemo(t.Context(), rec)
		}, false, "no such work"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, p := line(t, 2)
			first := open(t, s, p, "line-1", false)
			rec := do(t, first, s, "make", 0)
			do(t, first, s, "make", 1)
			if c.state != "" {
				seal(t, s, "line-1", c.state, c.unbound)
			}
			c.alter(s, rec)
			var said bytes.Buffer
			env := job.Env{Store: s, Models: jobtest.NoModels, Log: slog.New(slog.NewTextHandler(&said, nil)), Events: &events{}, Now: func() time.Time { return time.Unix(1, 0) }}
			again, err := open(t, s, p, "line-2", false).Do(t.Context(), env, map[string]job.Func{"make": pair}, job.Shard{Step: "make"})
			if err != nil || again.Reused != c.trusted || again.Outputs[0].Digest != rec.Outputs[0].Digest {
				t.Errorf("reused %v, outputs %+v, %v", again.Reused, again.Outputs, err)
			}
			if c.because == "" && said.Len() > 0 || strings.Count(said.String(), "level=WARN") != min(1, len(c.because)) || !strings.Contains(said.String(), c.because) {
				t.Errorf("said %q, want %q", said.String(), c.because)
			}
			// What was done again is found by the next run.
			third, err := open(t, s, p, "line-3", false).Do(t.Context(), env, map[string]job.Func{"make": pair}, job.Shard{Step: "make"})
			if err != nil || !third.Reused {
				t.Errorf("%v, %v", third.Reused, err)
			}
		})
	}
}
