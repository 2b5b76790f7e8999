package cluster

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/gymline/gymline/internal/engine/argo"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

const (
	followEvery = time.Second
	// logsAtOnce bounds the pods whose progress is read at each look.
	logsAtOnce = 8
	tailWithin = 5 * time.Second
	// sealWithin is how long after its workflow's end a run gets its seal.
	sealWithin = time.Minute
)

// A Screen is shown what happens to a run.
type Screen interface {
	progress.Sink
	io.Writer
}

// Follow shows a submitted run as gymline run shows a local one, until it is
// sealed, and returns its state; "" when it lost sight of the run. The error says
// why the run did not succeed. The cluster may be out of reach meanwhile: what is
// not known is asked again. The end of ctx ends the showing and not the run.
func (c Cluster) Follow(ctx context.Context, id store.RunID, p *plan.Plan, out Screen) (state string, err error) {
	out.Emit(run.Opened(id, p))
	f := &follower{Cluster: c, id: id, workflow: id, plan: p, out: out, seen: map[string]int{}, ended: map[string]bool{}}
	if err := f.watch(ctx); err != nil {
		return "", err
	}
	f.keepImages(ctx, f.id)
	return f.seal.State, f.verdict()
}

type follower struct {
	Cluster
	id   store.RunID
	plan *plan.Plan
	out  Screen
	// seen is the attempt last told of, and ended whether its end was, by "step/shard".
	seen  map[string]int
	ended map[string]bool
	next  int // of the running pods whose logs are read in turn
	// workflow names the Workflow, the run itself until it is found; seal is read at the end.
	workflow store.RunID
	seal     store.Seal
	pods     []argo.Pod // as last seen
}

// watch tells of changes until the run is sealed.
func (f *follower) watch(ctx context.Context) error {
	lost := false
	var over time.Time // when the workflow was seen to have ended
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		err := f.look(ctx)
		switch {
		case err == nil && f.seal.State != "":
			return nil
		case err == nil:
			lost = false
		case ctx.Err() != nil:
		case errors.Is(err, errUnsealed):
			if over.IsZero() {
				over = f.Runs.Now()
			}
			if f.Runs.Now().Sub(over) > sealWithin {
				return err
			}
		case errors.Is(err, argo.ErrNoWorkflow), fault.Code(err) != fault.Temporary:
			return Explain(f.id, err)
		case !lost:
			lost = true
			fmt.Fprintf(f.out, "lost the connection, trying again: %v\n", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("run %s goes on in the cluster: %w", f.id, ctx.Err())
		case <-tick.C:
		}
	}
}

var errUnsealed = errors.New("the workflow ended and the run was not sealed")

// look tells what changed since the last one, and reads the seal once it is there.
func (f *follower) look(ctx context.Context) error {
	state, err := f.Client.State(ctx, f.workflow)
	if errors.Is(err, argo.ErrNoWorkflow) {
		if sealErr := f.sealed(ctx); !errors.Is(sealErr, store.ErrNotFound) {
			return sealErr // nil: it ended, and its time to live is over
		}
	}
	if err != nil {
		return err
	}
	f.workflow, f.pods = store.RunID(state.Workflow), state.Pods // found by name from now on
	var running []argo.Pod
	for _, pod := range state.Pods {
		step := f.plan.Step(store.StepName(pod.Step))
		if step == nil {
			continue // open and seal
		}
		key := fmt.Sprintf("%s/%d", pod.Step, pod.Shard)
		if pod.Phase != argo.Pending && f.seen[key] < pod.Attempt {
			f.seen[key] = pod.Attempt
			f.ended[key] = false
			f.out.Emit(progress.Event{Type: progress.StepState, Step: pod.Step, Shard: pod.Shard, State: progress.Running, Attempt: pod.Attempt})
		}
		switch {
		case f.ended[key] || pod.Attempt < f.seen[key]:
		case pod.Phase == argo.Running:
			running = append(running, pod)
		case pod.Phase == argo.Succeeded:
			if err := f.finished(ctx, step, pod); err != nil {
				return err
			}
			f.ended[key] = true
		case pod.Phase == argo.Failed && pod.Retried() && !argo.Ended(state.Phase):
			f.ended[key] = true
			f.out.Emit(progress.Event{Type: progress.StepState, Step: pod.Step, Shard: pod.Shard, State: progress.Retrying, Attempt: pod.Attempt, Cause: pod.Message, ExitCode: pod.ExitCode})
		}
	}
	f.progress(ctx, running)
	if !argo.Ended(state.Phase) {
		return nil
	}
	err = f.sealed(ctx)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%w: %s", errUnsealed, cmp.Or(state.Message, state.Phase))
	}
	return err
}

// sealed reads how the run ended.
func (f *follower) sealed(ctx context.Context) (err error) {
	f.seal, err = f.Runs.ReadSeal(ctx, f.id)
	return err
}

// finished tells of all shards that a pod did, from their records.
func (f *follower) finished(ctx context.Context, step *plan.Step, pod argo.Pod) error {
	for shard := pod.Shard; shard < step.Shards; shard += max(pod.Stride, 1) {
		rec, err := run.Record(ctx, f.Runs.Store, f.id, step.Name, shard)
		if err != nil {
			return err
		}
		if rec == nil {
			continue
		}
		done, err := run.Done(rec)
		if err != nil {
			return err
		}
		end := progress.Event{Type: progress.StepState, Step: pod.Step, Shard: shard, State: progress.Succeeded}
		if rec.Reused {
			end.State = progress.Reused
		} else {
			f.out.Emit(done)
		}
		f.out.Emit(end)
	}
	return nil
}

// progress reads the last progress of some running pods, in turn. A log that
// cannot be read now is read later.
func (f *follower) progress(ctx context.Context, running []argo.Pod) {
	for range min(logsAtOnce, len(running)) {
		f.next++
		pod := running[f.next%len(running)]
		data := f.tail(ctx, pod.Name)
		for _, line := range slices.Backward(bytes.Split(data, []byte("\n"))) {
			var e progress.Event
			if json.Unmarshal(line, &e) == nil && e.Type == progress.Progress {
				f.out.Emit(e)
				break
			}
		}
	}
}

// tail is the end of a pod's log, as far as it can be had soon.
func (f *follower) tail(ctx context.Context, pod string) []byte {
	ctx, cancel := context.WithTimeout(ctx, tailWithin)
	defer cancel()
	r, err := f.Client.Log(ctx, pod, false, 3)
	if err != nil {
		return nil
	}
	defer r.Close()
	data, _ := io.ReadAll(io.LimitReader(r, 1<<20))
	return data
}

// verdict is how the run ended, as the exit code has it.
func (f *follower) verdict() error {
	switch f.seal.State {
	case store.Succeeded:
		return nil
	case store.Interrupted:
		return fault.New(fault.Interrupted, fmt.Errorf("run %s was stopped", f.id), "go on with 'gymline retry'")
	}
	f.seal.Failures = explained(f.seal.Failures, f.pods)
	if len(f.seal.Failures) == 0 {
		return fault.New(fault.Temporary, fmt.Errorf("run %s failed, and its seal does not say why", f.id), "see 'gymline status'")
	}
	for _, failure := range f.seal.Failures {
		f.out.Emit(progress.Event{
			Type: progress.StepState, Step: string(failure.Step), Shard: failure.Shard, State: progress.Failed,
			Cause: failure.Cause, Hint: failure.Hint, ExitCode: failure.ExitCode,
		})
	}
	return run.Failed(f.id, f.seal.Failures[0])
}
