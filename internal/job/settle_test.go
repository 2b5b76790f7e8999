package job_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

func clock() time.Time { return time.Unix(1, 0) }

// work does all of a run's shards.
func work(t *testing.T, o *job.Opened, s *store.Store) {
	t.Helper()
	for i := range o.Plan.Steps {
		for shard := range o.Plan.Steps[i].Shards {
			do(t, o, s, o.Plan.Steps[i].Name, shard)
		}
	}
}

// records reads all records of a run as if they were of one and the same.
func records(t *testing.T, s *store.Store, p *plan.Plan, id store.RunID) (all []store.Step) {
	t.Helper()
	for i := range p.Steps {
		for shard := range p.Steps[i].Shards {
			rec, err := s.ReadStep(t.Context(), id, p.Steps[i].Name, shard)
			if err != nil {
				t.Fatal(err)
			}
			rec.Run = ""
			all = append(all, rec)
		}
	}
	return all
}

// settle settles every step of a run in turn, and returns how many shards it did.
func settle(t *testing.T, o *job.Opened) (n int, told []progress.Event) {
	t.Helper()
	sink := &events{}
	for i := range o.Plan.Steps {
		done, err := o.Settle(t.Context(), &o.Plan.Steps[i], clock, sink)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range done {
			if d {
				n++
			}
		}
	}
	return n, sink.list
}

// What is settled has the records that it has where each shard is done by itself.
func TestSettledRecordsAreThoseOfAChild(t *testing.T) {
	const shards = 50
	s, bucket, p := line(t, shards)
	work(t, open(t, s, p, "line-1", false), s)
	seal(t, s, "line-1", store.Succeeded, "")
	work(t, open(t, s, p, "line-2", false), s)
	o := open(t, s, p, "line-3", false)
	bucket.taken()
	n, told := settle(t, o)
	for key, n := range bucket.taken() {
		ofMaker := []string{"runs/line-1/seal.json", "runs/line-1/run.json", "runs/line-1/plan.json"} // each read once
		if strings.HasPrefix(key, "runs/") && (n > 1 || !slices.Contains(ofMaker, key)) || n > 2 {    // outputs are looked up once a step
			t.Errorf("%s was read %d times", key, n)
		}
	}
	if n != 2*shards+1 || len(told) != n {
		t.Fatalf("%d settled, %d told of", n, len(told))
	}
	seen := map[string]bool{}
	for _, e := range told {
		which := fmt.Sprint(e.Step, e.Shard)
		if e.State != progress.Reused || e.Type != progress.StepState || seen[which] {
			t.Errorf("%+v", e)
		}
		seen[which] = true
	}
	children, settled := records(t, s, p, "line-2"), records(t, s, p, "line-3")
	if !children[0].Reused || !reflect.DeepEqual(children, settled) {
		t.Errorf("a child's: %+v\nsettled: %+v", children[0], settled[0])
	}
}

// What was found, or not found, before is not looked for again.
func TestSettleAsksForNothingTwice(t *testing.T) {
	s, bucket, p := line(t, 10)
	work(t, open(t, s, p, "line-1", false), s)
	whole, lost := records(t, s, p, "line-1")[4], records(t, s, p, "line-1")[4]
	lost.Outputs = []store.Artifact{{Name: "left", Digest: store.DigestOf([]byte("lost"))}}
	o := open(t, s, p, "line-2", false)
	if err := s.PutMemo(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	planned, err := o.Ahead(t.Context())
	if err != nil || planned[4].Reused || !planned[5].Reused {
		t.Fatalf("%+v, %v", planned, err)
	}
	if err := s.PutMemo(t.Context(), whole); err != nil { // too late to be looked for
		t.Fatal(err)
	}
	bucket.taken()
	done, err := o.Settle(t.Context(), &p.Steps[0], clock, &events{})
	if want := []bool{true, true, true, true, false, true, true, true, true, true}; err != nil || !slices.Equal(done, want) {
		t.Errorf("%v %v", done, err)
	}
	for key := range bucket.taken() {
		if !strings.HasPrefix(key, "blobs/") { // the list of the input's files
			t.Errorf("%s was read", key)
		}
	}
	// What is done in the meantime opens the way for what reads it.
	do(t, o, s, "make", 4)
	if done, err := o.Settle(t.Context(), &p.Steps[1], clock, &events{}); err != nil || slices.Contains(done, false) {
		t.Errorf("%v %v", done, err)
	}
}

func TestSettleOfARunThatIsFresh(t *testing.T) {
	s, _, p := line(t, 3)
	work(t, open(t, s, p, "line-1", false), s)
	if done, err := open(t, s, p, "line-2", true).Settle(t.Context(), &p.Steps[0], clock, &events{}); err != nil || slices.Contains(done, true) {
		t.Errorf("%v %v", done, err)
	}
}

// Work whose bytes are lost is left to be done again.
func TestSettleOfWorkWhoseBytesAreLost(t *testing.T) {
	s, _, p := line(t, 3)
	work(t, open(t, s, p, "line-1", false), s)
	rec := records(t, s, p, "line-1")[1]
	rec.Outputs[0].Digest = store.DigestOf([]byte("lost"))
	if err := s.PutMemo(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	done, err := open(t, s, p, "line-2", false).Settle(t.Context(), &p.Steps[0], clock, &events{})
	if err != nil || !slices.Equal(done, []bool{true, false, true}) {
		t.Errorf("%v %v", done, err)
	}
}

// A failing bucket makes no more than so many records.
type failing struct {
	store.Bucket
	left atomic.Int64
}

var errAway = &store.Error{Op: "create", Kind: store.Transient, Err: errors.New("away")}

func (f *failing) Create(ctx context.Context, key string, body []byte) error {
	if f.left.Add(-1) < 0 {
		return errAway
	}
	return f.Bucket.Create(ctx, key, body)
}

// When the store fails in the middle, what is recorded is done and told of; the
// rest is for children, and ends as it would have.
func TestSettleThatIsCutOff(t *testing.T) {
	const shards = 80
	s, bucket, p := line(t, shards)
	work(t, open(t, s, p, "line-1", false), s)
	open(t, s, p, "line-2", false)
	broken := &failing{Bucket: bucket}
	broken.left.Store(47)
	o, err := job.Open(t.Context(), store.New(broken), "line-2")
	if err != nil {
		t.Fatal(err)
	}
	sink := &events{}
	done, err := o.Settle(t.Context(), &p.Steps[0], clock, sink)
	n := 0
	for shard, d := range done {
		_, readErr := s.ReadStep(t.Context(), "line-2", "make", shard)
		if d != (readErr == nil) {
			t.Errorf("shard %d: done %v, %v", shard, d, readErr)
		}
		if d {
			n++
		}
	}
	if !errors.Is(err, errAway) || n != 47 || len(sink.list) != 47 {
		t.Errorf("%d done, %d told of, %v", n, len(sink.list), err)
	}
	again, err := job.Open(t.Context(), s, "line-2")
	if err != nil {
		t.Fatal(err)
	}
	work(t, again, s)
	want := records(t, s, p, "line-1")
	for i, rec := range records(t, s, p, "line-2") {
		if !rec.Reused || !reflect.DeepEqual(rec.Outputs, want[i].Outputs) {
			t.Fatalf("%+v", rec)
		}
	}
}
