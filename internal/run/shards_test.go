package run

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/store"
)

// A process does every stride-th shard and tells of each, in order.
func TestShardsOfAStride(t *testing.T) {
	w := newWorld(t)
	w.plan.Steps[0].Shards = 5
	id := w.open(Execution{InFlight: 3})
	var m models
	sink := &events{}
	worker := w.worker(&m, func(_ context.Context, task *job.Task) error {
		if task.InFlight != 3 {
			t.Errorf("%d in flight", task.InFlight)
		}
		return write("x")(t.Context(), task)
	})
	w.ok(worker.Shards(t.Context(), job.Shard{Run: id, Step: "make", Shard: 1}, 2, sink))
	var told []int
	for _, e := range sink.list {
		if e.Type == progress.StepState && e.State == progress.Succeeded {
			told = append(told, e.Shard)
		}
	}
	if len(told) != 2 || told[0] != 1 || told[1] != 3 || m.closed != 1 {
		t.Errorf("shards %v, closed %d times", told, m.closed)
	}
	w.ok(worker.Shards(t.Context(), job.Shard{Run: id, Step: "make", Shard: 0}, 0, sink))
	again := w.open(Execution{InFlight: 3})
	w.ok(worker.Shards(t.Context(), job.Shard{Run: again, Step: "make", Shard: 1}, 0, sink))
	if last := sink.list[len(sink.list)-1]; last.State != progress.Reused || last.Shard != 1 {
		t.Errorf("%+v", last)
	}
}

// Why a shard failed, and how far it came, is told with the shard and left in the store.
func TestTheErrorCarriesItsShard(t *testing.T) {
	w := newWorld(t)
	id := w.open(Execution{})
	bad := fault.New(fault.Permanent, errors.New("row 7 is cut in half"), "mend it")
	var m models
	err := w.worker(&m, func(ctx context.Context, task *job.Task) error {
		if task.Shard == 0 {
			return write("x")(ctx, task)
		}
		task.Plan(9)
		task.Done(rows.Accepted)
		return bad
	}).Shards(t.Context(), job.Shard{Run: id, Step: "make"}, 1, &events{})
	failed, ok := errors.AsType[*ShardError](err)
	if !ok || failed.Shard != 1 || !errors.Is(err, bad) || fault.Hint(err) != "mend it" || m.closed != 1 {
		t.Fatalf("%v, closed %d times", err, m.closed)
	}
	left, err := w.Failures(t.Context(), id)
	if err != nil || len(left) != 1 || left[0].Shard != 1 || left[0].Cause != "row 7 is cut in half" || left[0].ExitCode != fault.Permanent {
		t.Fatalf("%+v, %v", left, err)
	}
	if far := decoded[progress.Event](t, left[0].Progress); far.Done != 1 || far.Total != 9 {
		t.Errorf("%+v", far)
	}
}

// An interrupt is no failure, and what was paid for is flushed all the same.
func TestAnInterruptLeavesNoFailure(t *testing.T) {
	w := newWorld(t)
	id := w.open(Execution{})
	ctx, cancel := context.WithCancel(t.Context())
	var m models
	err := w.worker(&m, func(ctx context.Context, _ *job.Task) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}).Shards(ctx, job.Shard{Run: id, Step: "make"}, 1, &events{})
	if fault.Code(err) != fault.Interrupted || m.closed != 1 {
		t.Errorf("%v, closed %d times", err, m.closed)
	}
	if left, err := w.Failures(t.Context(), id); err != nil || left != nil {
		t.Errorf("%+v, %v", left, err)
	}
}

// What cannot be flushed is no success.
func TestModelsThatDoNotCloseFailTheShard(t *testing.T) {
	w := newWorld(t)
	id := w.open(Execution{})
	m := models{err: errors.New("the ledger's bucket is away")}
	err := w.worker(&m, write("x")).Shards(t.Context(), job.Shard{Run: id, Step: "make", Shard: 1}, 0, &events{})
	if failed, ok := errors.AsType[*ShardError](err); !ok || failed.Shard != 1 || !errors.Is(err, m.err) {
		t.Error(err)
	}
}

// A process that was started for a run that is not there leaves nothing in the store.
func TestShardsOfNoRun(t *testing.T) {
	w := newWorld(t)
	err := w.worker(&models{}, write("x")).Shards(t.Context(), job.Shard{Run: "x-9", Step: "make"}, 0, &events{})
	if !errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "x-9") {
		t.Error(err)
	}
	for key := range w.Bucket().List(t.Context(), "") {
		t.Errorf("%s was left", key)
	}
	id := w.open(Execution{})
	if err := w.worker(&models{}, write("x")).Shards(t.Context(), job.Shard{Run: id, Step: "bake"}, 0, &events{}); err == nil || !strings.Contains(err.Error(), `no step "bake"`) {
		t.Error(err)
	}
}

// A pod leaves when another shard of its run has failed for good; not for what
// might pass, nor for what an earlier attempt at its own shards left.
func TestGivingUp(t *testing.T) {
	own := store.Failure{Step: "make", Shard: 0, ExitCode: fault.Permanent, Cause: "an earlier attempt"}
	away := store.Failure{Step: "join", Shard: 0, ExitCode: fault.Temporary, Cause: "away"}
	bad := store.Failure{Step: "make", Shard: 1, ExitCode: fault.Permanent, Cause: "bad"}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		id := w.open(Execution{})
		for _, f := range []store.Failure{own, away} {
			w.ok(w.PutFailure(t.Context(), id, f))
		}
		looked := 0
		err := w.worker(&models{}, func(ctx context.Context, _ *job.Task) error {
			for {
				time.Sleep(lookEvery)
				synctest.Wait()
				if looked++; looked == 3 {
					w.ok(w.PutFailure(t.Context(), id, bad))
				}
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if looked > 9 {
					return io.ErrUnexpectedEOF
				}
			}
		}).Shards(t.Context(), job.Shard{Run: id, Step: "make", Shard: 0}, 0, &events{})
		if fault.Code(err) != fault.Permanent || !errors.Is(err, errGivenUp) || !strings.Contains(err.Error(), "make/1: bad") || looked < 3 || looked > 5 {
			t.Errorf("%v after %d looks", err, looked)
		}
		if left, err := w.Failures(t.Context(), id); err != nil || len(left) != 3 || left[1].Cause != own.Cause {
			t.Errorf("%+v, %v", left, err)
		}
	})
}
