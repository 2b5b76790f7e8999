// Package train is the job that hands the export over to a trainer and gives out
// what comes back: one checkpoint, checked, as checkpoint.json. For every kind of
// trainer the wait ends with the checkpoint's record in the store, and the first
// record of a run holds.
package train

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gymline/gymline/internal/checkpoint"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/store"
)

// Format is the version of what the job writes.
const Format = 1

// How long to wait between two looks at the store: from the first to the most.
const (
	firstWait = 2 * time.Second
	mostWait  = 10 * time.Second
)

// Run is the job train.
func Run(ctx context.Context, t *job.Task) error { return trainer{sleep: sleep}.run(ctx, t) }

// A trainer has the sleep between two looks, for tests.
type trainer struct {
	sleep func(ctx context.Context, d time.Duration) error
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r trainer) run(ctx context.Context, t *job.Task) error {
	var params plan.Train
	if err := t.Params(&params); err != nil {
		return err
	}
	h := &handOff{task: t, params: params, sleep: r.sleep}
	if err := h.readUpstream(ctx); err != nil {
		return err
	}
	t.Plan(1)
	var found store.Checkpoint
	var err error
	switch params.Kind {
	case plan.TrainExternal, plan.TrainTrainJob:
		found, err = h.await(ctx)
	case plan.TrainCommand, plan.TrainContainer:
		found, err = h.train(ctx)
	default:
		return fmt.Errorf("train %s: this gymline knows no trainer of kind %q", params.Name, params.Kind)
	}
	if err != nil {
		return err
	}
	if err := h.verify(found); err != nil {
		return err
	}
	t.Done(rows.Accepted)
	return t.WriteJSON(plan.CheckpointOutput, plan.Checkpoint{
		Name: found.Name, Tree: found.Tree.Digest, Files: found.Tree.Files, Bytes: found.Tree.Bytes,
		Kind: found.Kind, Base: found.Base, Architecture: found.Architecture,
	})
}

// A handOff is one wait for a checkpoint.
type handOff struct {
	task     *job.Task
	params   plan.Train
	sleep    func(ctx context.Context, d time.Duration) error
	files    []store.Artifact // the export
	since    time.Time        // when it was there
	deadline time.Time
}

// readUpstream takes the export's files and when the last of it was done: the
// deadline counts from there, however often the job starts anew.
func (h *handOff) readUpstream(ctx context.Context) error {
	limit, err := time.ParseDuration(h.params.Deadline)
	if err != nil {
		return fmt.Errorf("train %s: deadline: %w", h.params.Name, err)
	}
	records, err := h.task.Upstream(ctx)
	if err != nil {
		return err
	}
	for _, rec := range records {
		finished, err := store.ParseStamp(rec.Finished)
		if err != nil {
			return fmt.Errorf("train %s: the record of %s/%d: %w", h.params.Name, rec.Step, rec.Shard, err)
		}
		if finished.After(h.since) {
			h.since = finished
		}
		h.files = append(h.files, rec.Outputs...)
	}
	h.deadline = h.since.Add(limit)
	return nil
}

// await looks for the checkpoint until it is there or the deadline has passed. It
// looks once more at the deadline, and so at least once after it.
func (h *handOff) await(ctx context.Context) (store.Checkpoint, error) {
	for wait := firstWait; ; wait = min(2*wait, mostWait) {
		left := h.deadline.Sub(h.task.Now())
		found, err := h.look(ctx)
		switch {
		case err == nil:
			return found, nil
		case errors.Is(err, store.ErrNotFound):
			if left <= 0 {
				return found, h.overdue()
			}
		case left <= 0 || fault.Code(err) != fault.Temporary:
			return found, err
		default: // a wait of days outlasts a store that is away
			h.task.Log.Warn("looking for the checkpoint failed; looking again", "checkpoint", h.params.Name, "err", err)
		}
		if err := h.sleep(ctx, min(wait, left)); err != nil {
			return found, err
		}
	}
}

// look looks for the checkpoint's record, and for what a trainer handed in that may
// not write one.
func (h *handOff) look(ctx context.Context) (store.Checkpoint, error) {
	found, err := h.task.Checkpoint(ctx, h.params.Name)
	if !errors.Is(err, store.ErrNotFound) || h.params.Kind != plan.TrainTrainJob {
		return found, err
	}
	made, in, err := h.task.HandedIn(ctx, h.params.Name)
	if err != nil {
		return found, err
	}
	return h.take(ctx, made, in)
}

func (h *handOff) overdue() error {
	p, run := h.params, h.task.Run()
	return fault.New(fault.Permanent,
		fmt.Errorf("the checkpoint %s did not come before its deadline: %s from %s, when the export was there", p.Name, p.Deadline, h.since.UTC().Format(time.RFC3339)),
		fmt.Sprintf("put one with 'gymline checkpoint put %s %s DIR', then 'gymline retry %s' (on this machine: run the same command again)", run, p.Name, run))
}

// verify refuses an adapter of another base, which only a foreign hand can have recorded.
func (h *handOff) verify(c store.Checkpoint) error {
	want := h.params.Base
	if c.Kind != checkpoint.LoRA || want == "" || c.Base == want {
		return nil
	}
	return fault.New(fault.Permanent, fmt.Errorf("the checkpoint %s is an adapter of %q, and the experiment wants one of %q", c.Name, c.Base, want),
		"a run keeps its first checkpoint: correct train."+c.Name+".base, or start another run and put the right one there")
}
