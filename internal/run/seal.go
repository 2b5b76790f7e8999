package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
)

// sealWithin is how long it may take to seal a run that has ended.
const sealWithin = 10 * time.Second

// Live opens the next run of a draft, has work do it, and seals it with what came
// of it; what is done is done, so that it is sealed also after an interrupt. The
// error says why the run did not succeed; the ID is "" when it was not opened.
func (r Registry) Live(ctx context.Context, d Draft, work func(store.RunID) ([]store.Failure, error)) (id store.RunID, state string, err error) {
	if id, err = r.Open(ctx, d, nil); err != nil {
		return "", store.Failed, err
	}
	still := r.beating(ctx, id)
	failures, err := work(id)
	still()
	state = store.Succeeded
	switch {
	case len(failures) > 0:
		state, err = store.Failed, Failed(id, failures[0])
	case err != nil:
		state = store.Interrupted
	}
	within := bindWithin
	if ctx.Err() != nil {
		within = sealWithin
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	bound, unbound := context.WithCancel(last)
	defer unbound()
	if ctx.Err() == nil {
		defer context.AfterFunc(ctx, unbound)() // who interrupts now waits for no long binding
	}
	if sealErr := r.seal(last, bound, id, state, failures...); sealErr != nil {
		return id, store.Failed, errors.Join(err, sealErr)
	}
	return id, state, err
}

// Seal ends a run, once: store.ErrExists means that it had ended.
func (r Registry) Seal(ctx context.Context, id store.RunID, state string, failures ...store.Failure) error {
	return r.seal(ctx, ctx, id, state, failures...)
}

// seal binds within a time of its own.
func (r Registry) seal(ctx, binding context.Context, id store.RunID, state string, failures ...store.Failure) error {
	seal := store.Seal{Run: id, State: state, Failures: failures, Finished: r.stamp()}
	seen, summed := newNoting(r.Bucket()), make(chan struct{})
	go func() {
		defer close(summed)
		seal.Summary = r.summary(ctx, store.New(seen), id)
	}()
	bound, unbound := r.bind(binding, id, seen, summed)
	<-summed
	seal.Binding, seal.Unbound = bound, unbound
	return r.SealRun(ctx, seal)
}

// SealOf ends the run that a workflow opened from a draft, with the failures that
// its jobs left. A run of another draft is not this one's to end, and one that
// has ended, or never opened, stays as it is. The head says how the run then stands; it
// is the zero one of a run that is not this draft's or never opened.
func (r Registry) SealOf(ctx context.Context, id store.RunID, draft store.Digest, succeeded bool) (head Head, err error) {
	run, err := r.ReadRun(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return head, nil
	}
	if err != nil {
		return head, err
	}
	have, err := encode(drafted(run))
	if err != nil || store.DigestOf(have) != draft {
		return head, err
	}
	state, failures := store.Succeeded, []store.Failure(nil)
	if !succeeded {
		state = store.Failed
		if failures, err = failuresOf(ctx, r.Store, id); err != nil {
			return head, err
		}
	}
	err = r.Seal(ctx, id, state, failures...)
	if err != nil && !errors.Is(err, store.ErrExists) { // an attempt before this one was first, or somebody stopped the run
		return head, err
	}
	return ReadHead(ctx, r.Store, id)
}

// Unexplained stands for the step of a failure that no job told of.
const Unexplained store.StepName = "workflow"

// failuresOf are why a run failed: what its jobs left, and where something else
// than a job failed, that the cluster knows.
func failuresOf(ctx context.Context, st *store.Store, id store.RunID) ([]store.Failure, error) {
	list, err := st.Failures(ctx, id)
	if err != nil && !errors.Is(err, store.ErrUnreadable) { // what can be read is cause enough
		return nil, err
	}
	// What was being tried again when another shard failed for good is no cause.
	if slices.ContainsFunc(list, Lasting) {
		list = slices.DeleteFunc(list, func(f store.Failure) bool { return !Lasting(f) })
	}
	if len(list) == 0 {
		list = []store.Failure{{
			Step: Unexplained, ExitCode: fault.Temporary, Cause: "a pod ended without saying why",
			Hint: fmt.Sprintf("'gymline status %s' shows what the cluster says of it", id),
		}}
	}
	return list, nil
}

// Lasting reports whether a failure stays, however often its shard is tried.
func Lasting(f store.Failure) bool { return f.ExitCode != fault.Temporary }

// Failed is the error of a run that a failure ended.
func Failed(id store.RunID, f store.Failure) error {
	return fault.New(f.ExitCode, fmt.Errorf("run %s failed in %s/%d: %s", id, f.Step, f.Shard, f.Cause), f.Hint)
}
