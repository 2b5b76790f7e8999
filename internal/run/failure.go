package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

// lookEvery is how often a job looks whether its run has failed elsewhere.
const lookEvery = 5 * time.Second

var errGivenUp = errors.New("the run has failed")

// FailureOf is the record of why a shard failed.
func FailureOf(step store.StepName, shard int, err error) store.Failure {
	return store.Failure{Step: step, Shard: shard, ExitCode: fault.Code(err), Cause: err.Error(), Hint: fault.Hint(err)}
}

// keepFailure leaves f, which is of err, in the store: in a cluster nothing else
// outlives the pod. It is a help and no part of the work: that it cannot be written
// changes nothing.
func keepFailure(ctx context.Context, st *store.Store, f store.Failure, id store.RunID, err error) {
	if f.ExitCode == fault.Interrupted || errors.Is(err, errGivenUp) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveWithin)
	defer cancel()
	if _, err := st.ReadRun(ctx, id); err != nil {
		return // there is no run to leave it in
	}
	_ = st.PutFailure(ctx, id, f)
}

// latest remembers how far a job came.
type latest struct {
	progress.Sink
	mu    sync.Mutex
	event progress.Event
}

func (l *latest) Emit(e progress.Event) {
	if e.Type == progress.Progress {
		l.mu.Lock()
		l.event = e
		l.mu.Unlock()
	}
	l.Sink.Emit(e)
}

// of is how far a shard came; nil when it told nothing.
func (l *latest) of(shard int) json.RawMessage {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.event.Type == "" || l.event.Shard != shard {
		return nil
	}
	data, err := json.Marshal(l.event)
	if err != nil {
		return nil
	}
	return data
}

// givingUp ends ctx when another shard of the run has failed for good: in a
// cluster no engine tells the pods under way to leave. What an earlier attempt at
// this pod's own shards (mine) left is what is being tried again.
func givingUp(ctx context.Context, st *store.Store, id store.RunID, mine func(store.Failure) bool) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			failures, _ := st.Failures(ctx, id) // the work itself finds out whether the store is gone
			for _, f := range failures {
				if Lasting(f) && !mine(f) {
					cancel(fmt.Errorf("%w in %s/%d: %s", errGivenUp, f.Step, f.Shard, f.Cause))
					return
				}
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}
