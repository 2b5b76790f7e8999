package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/engine/argo"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
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

// follow shows a submitted run as gymline run shows a local one, until it ends.
// The cluster may be out of reach meanwhile: what is not known is asked again.
// An interrupt ends the showing and not the run.
func (c cluster) follow(ctx context.Context, edge *cli.Edge, id store.RunID, p *plan.Plan, out printer) error {
	out.Emit(run.Opened(id, p))
	f := &follower{cluster: c, id: id, workflow: id, plan: p, out: out, seen: map[string]int{}, ended: map[string]bool{}}
	ended, err := f.watch(ctx, edge)
	if err == nil {
		err = f.verdict(ctx, &ended)
	}
	if err != nil && ended.State != store.Succeeded {
		ended.Cause, ended.Hint, ended.ExitCode = err.Error(), fault.Hint(err), fault.Code(err)
	}
	return out.end(ctx, ended, err)
}

type follower struct {
	cluster
	id   store.RunID
	plan *plan.Plan
	out  printer
	// seen is the attempt last told of, and ended whether its end was, by "step/shard".
	seen  map[string]int
	ended map[string]bool
	next  int // of the running pods whose logs are read in turn
	// workflow names the Workflow, the run itself until it is found; seal is read at the end.
	workflow store.RunID
	seal     store.Seal
}

// watch tells of changes until the run is sealed.
func (f *follower) watch(ctx context.Context, edge *cli.Edge) (ended progress.Event, err error) {
	ended = progress.Event{Type: progress.RunEnded, Run: string(f.id)}
	lost := false
	var over time.Time // when the workflow was seen to have ended
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		err := f.look(ctx, &ended)
		switch {
		case err == nil && ended.State != "":
			return ended, nil
		case err == nil:
			lost = false
		case ctx.Err() != nil:
		case errors.Is(err, errUnsealed):
			if over.IsZero() {
				over = edge.Now()
			}
			if edge.Now().Sub(over) > sealWithin {
				return ended, err
			}
		case errors.Is(err, argo.ErrNoWorkflow), fault.Code(err) != fault.Temporary:
			return ended, noWorkflow(f.id, err)
		case !lost:
			lost = true
			fmt.Fprintf(f.out, "lost the connection, trying again: %v\n", err)
		}
		select {
		case <-ctx.Done():
			return ended, fmt.Errorf("run %s goes on in the cluster: %w", f.id, ctx.Err())
		case <-tick.C:
		}
	}
}

var errUnsealed = errors.New("the workflow ended and the run was not sealed")

// look tells what changed since the last one, and the run's state once it is sealed.
func (f *follower) look(ctx context.Context, ended *progress.Event) error {
	state, err := f.State(ctx, f.workflow)
	if errors.Is(err, argo.ErrNoWorkflow) {
		if sealErr := f.sealed(ctx, ended); sealErr == nil {
			return nil // it ended, and its time to live is over
		}
	}
	if err != nil {
		return err
	}
	f.workflow = store.RunID(state.Workflow) // found by name from now on
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
	err = f.sealed(ctx, ended)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%w: %s", errUnsealed, cmp.Or(state.Message, state.Phase))
	}
	return err
}

// sealed reads how the run ended.
func (f *follower) sealed(ctx context.Context, ended *progress.Event) (err error) {
	if f.seal, err = f.st.ReadSeal(ctx, f.id); err == nil {
		ended.State = f.seal.State
	}
	return err
}

// finished tells of all shards that a pod did, from their records.
func (f *follower) finished(ctx context.Context, step *plan.Step, pod argo.Pod) error {
	for shard := pod.Shard; shard < step.Shards; shard += max(pod.Stride, 1) {
		rec, err := run.Record(ctx, f.st, f.id, step.Name, shard)
		if err != nil {
			return err
		}
		if rec == nil {
			continue
		}
		done := progress.Event{Type: progress.Progress, Step: pod.Step, Shard: shard, Usage: new(llm.Usage)}
		if len(rec.Usage) > 0 {
			if err := json.Unmarshal(rec.Usage, done.Usage); err != nil {
				return err
			}
		}
		if rows, err := rec.Output(plan.RowsOutput); err == nil {
			done.Done, done.Total = rows.Rows, rows.Rows
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
	r, err := f.Log(ctx, pod, false, 3)
	if err != nil {
		return nil
	}
	defer r.Close()
	data, _ := io.ReadAll(io.LimitReader(r, 1<<20))
	return data
}

// verdict is how the run ended, as the exit code has it.
func (f *follower) verdict(ctx context.Context, ended *progress.Event) error {
	switch ended.State {
	case store.Succeeded:
		return f.out.results(ctx, f.st, f.plan, ended)
	case store.Interrupted:
		return fault.New(fault.Interrupted, fmt.Errorf("run %s was stopped", f.id), "go on with 'gymline retry'")
	}
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

// lines calls fn with each line of r.
func lines(r io.Reader, fn func(line []byte) error) error {
	buffered := bufio.NewReader(r)
	for {
		line, err := buffered.ReadBytes('\n')
		if len(line) > 0 {
			if err := fn(bytes.TrimSuffix(line, []byte("\n"))); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
