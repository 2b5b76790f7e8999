// Package job is what every job does around its own work: it reads its step
// from the store, opens named inputs, commits named outputs all at once, and
// reports progress. A job's package holds only what is its own.
package job

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/seed"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

// A Func is a job. It decodes its parameters, reads inputs, creates outputs and
// returns; what it created is committed only when it returns nil. An error's
// exit code is fault.Code's: bad data is permanent unless the error says otherwise.
type Func func(ctx context.Context, t *Task) error

// Media types of outputs.
const (
	JSON  = "application/json"
	JSONL = "application/x-ndjson"
	YAML  = "application/yaml"
	HTML  = "text/html; charset=utf-8"
	// TreeType is of an input's list of files.
	TreeType = "application/vnd.gymline.tree+json"
)

// A Task is one shard of a step, as its job sees it.
type Task struct {
	Step  *plan.Step
	Shard int
	Seed  uint64
	Log   *slog.Logger
	// InFlight is how many sessions or calls may be under way at once. Outputs
	// must not depend on it.
	InFlight int

	env     Env
	opened  *Opened
	reads   *Reads
	meter   *meter
	outputs []*Output
	publish string
	counts  rows.Counts
	watches []*Patience
}

// Models opens models; the process edge supplies it.
type Models interface {
	Open(ctx context.Context, m llm.Model) (llm.Chatter, error)
	// Flush makes every recorded exchange durable.
	Flush(ctx context.Context) error
}

// Params decodes this shard's parameters into a plan type.
func (t *Task) Params(into any) error {
	dec := json.NewDecoder(bytes.NewReader(t.Step.Of(t.Shard).Params))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("step %s: parameters: %w", t.Step.Name, err)
	}
	return nil
}

// Rand returns the generator of a path within this step. It depends on the
// experiment's seed, the step's name and the path, not on the shard.
func (t *Task) Rand(path ...string) *rand.Rand {
	return seed.New(t.Seed, append([]string{string(t.Step.Name)}, path...)...)
}

// Chat opens a model for a role: limited, retried, recorded, and metered by role.
func (t *Task) Chat(ctx context.Context, role string, m llm.Model) (llm.Chatter, error) {
	c, err := t.env.Models.Open(ctx, m)
	if err != nil {
		return nil, fmt.Errorf("step %s: %w", t.Step.Name, err)
	}
	return t.meter.wrap(c, role, m), nil
}

// Plan announces how many rows this shard has, for progress.
func (t *Task) Plan(total int) { t.meter.plan(int64(total)) }

// Answered counts one row that is answered and has not ended, for progress.
func (t *Task) Answered() { t.meter.answer() }

// Done counts one row that ended, for progress.
func (t *Task) Done(state rows.State) { t.meter.done(state) }

// Has reports whether the step has an input of that name from another step.
func (t *Task) Has(name string) bool {
	_, ok := t.reads.Inputs[name]
	return ok
}

// Artifacts returns what the upstream shards wrote, in shard order.
func (t *Task) Artifacts(name string) ([]store.Artifact, error) {
	a, ok := t.reads.Inputs[name]
	if !ok {
		return nil, fmt.Errorf("step %s has no input %q from another step", t.Step.Name, name)
	}
	return a, nil
}

// Open streams an input from another step: all its shards' bytes, in shard
// order, verified.
func (t *Task) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	artifacts, err := t.Artifacts(name)
	if err != nil {
		return nil, err
	}
	return t.opened.store.Concat(ctx, artifacts), nil
}

// ReadJSON decodes an input that is one JSON document.
func (t *Task) ReadJSON(ctx context.Context, name string, into any) error {
	r, err := t.Open(ctx, name)
	if err != nil {
		return err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("input %s: %w", name, err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("input %s: %w", name, err)
	}
	return nil
}

// Each calls fn with each row of an input from another step, over all its shards,
// and with the row's number; see Decode. It ends with ctx.
func Each[T any](ctx context.Context, t *Task, name string, fn func(n int, row *T) error) error {
	r, err := t.Open(ctx, name)
	if err != nil {
		return err
	}
	defer r.Close()
	return Decode(r, "input "+name, func(n int, row *T) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return fn(n, row)
	})
}

// Files opens a named input of the experiment as a read-only file system, of
// which only the shard's sources are there. Reading a file verifies it.
func (t *Task) Files(name string) (*store.TreeFS, error) {
	tree, ok := t.reads.Sources[name]
	if !ok {
		return nil, fmt.Errorf("step %s has no outside input %q", t.Step.Name, name)
	}
	return tree, nil
}

// ReadFile reads one file of an input.
func (t *Task) ReadFile(ctx context.Context, f plan.File) ([]byte, error) {
	files, err := t.Files(f.Input)
	if err != nil {
		return nil, err
	}
	return files.ReadFile(ctx, f.Path)
}

// Benchmark reads the traces right in a folder; see trace.ReadBenchmark.
func (t *Task) Benchmark(ctx context.Context, from plan.File) ([]trace.Trace, error) {
	files, err := t.Files(from.Input)
	if err != nil {
		return nil, err
	}
	traces, err := trace.ReadBenchmark(ctx, files, from.Path)
	if err != nil {
		return nil, fmt.Errorf("input %s, path %s: %w", from.Input, from.Path, err)
	}
	return traces, nil
}

// A Ledger is the row ledger being written.
type Ledger struct {
	task *Task
	out  *Output
}

// Ledger starts the row ledger.
func (t *Task) Ledger() *Ledger {
	t.counts = rows.Counts{Stage: string(t.Step.Name)}
	return &Ledger{t, t.Create(plan.RowsOutput, JSONL)}
}

// Add writes the next row, and refuses one that cannot be accounted for.
func (l *Ledger) Add(r rows.Row) error { return errors.Join(l.task.counts.Add(r), l.out.Row(r)) }

// verdict is an error when every row failed, and no other shard has rows of the
// same kind: there is nothing to go on with.
func (t *Task) verdict() error {
	c := t.counts
	alone := t.Step.Shards == 1 || t.Step.Each != nil
	if !alone || c.Planned == 0 || c.Failed < c.Planned {
		return nil
	}
	cause := slices.MaxFunc(slices.Sorted(maps.Keys(c.Causes)), func(a, b string) int { return cmp.Compare(c.Causes[a], c.Causes[b]) })
	shown, hint := "", changeAsked
	for _, p := range t.watches {
		if _, ok := p.example[cause]; ok {
			shown, hint = p.shown(cause)
		}
	}
	return fault.New(fault.Permanent, fmt.Errorf("all %d rows failed; most often: %s%s", c.Planned, cause, shown), hint)
}
