package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// A Draft is what all runs of one experiment have in common. It is kept as a
// blob, beside the blob of its plan, so that a pod can open a run from one digest.
type Draft struct {
	record store.Run // without ID, time, version and account
	plan   []byte
}

// NewDraft returns the draft of a plan with the trees of its inputs. A fresh
// run reuses no earlier work.
func NewDraft(p *plan.Plan, trees map[string]store.Tree, how Execution, fresh bool) (d Draft, err error) {
	if d.plan, err = p.Encode(); err != nil {
		return d, err
	}
	execution, err := canonical.JSON(how)
	d.record = store.Run{
		Experiment: p.Experiment, Digest: p.Digest, Plan: store.DigestOf(d.plan), Inputs: trees, Fresh: fresh, Execution: execution,
	}
	return d, err
}

// DraftOf returns the draft that a run was opened from, and its plan.
func DraftOf(ctx context.Context, st *store.Store, r store.Run) (Draft, *plan.Plan, error) {
	raw, err := st.ReadPlan(ctx, r.ID)
	if err != nil {
		return Draft{}, nil, noPlan(r.ID, err)
	}
	p, err := job.PlanOf(r, raw)
	return Draft{drafted(r), raw}, p, err
}

// drafted is the draft's part of a run's record.
func drafted(r store.Run) store.Run {
	r.ID, r.Created, r.Version, r.Account = "", "", "", ""
	r.By, r.Reason, r.Binary = "", "", nil
	return r
}

// encode returns a draft's blob.
func encode(record store.Run) ([]byte, error) {
	record.Format = store.FormatVersion
	return canonical.JSON(record)
}

// From returns a draft that says what it was asked for with.
func (d Draft) From(source *store.Source) Draft {
	d.record.Source = source
	return d
}

// AsOf is the draft of a plan that asks anew, as of an occasion.
func (d Draft) AsOf(occasion string) (Draft, error) {
	p, err := plan.Decode(d.plan)
	if err == nil && p.Anew == nil {
		err = errors.New("the plan asks nobody anew")
	}
	if err == nil {
		p, err = p.AskAnew(p.Anew.Roles, occasion)
	}
	if err == nil {
		d.plan, err = p.Encode()
		d.record.Plan = store.DigestOf(d.plan)
	}
	return d, err
}

// Experiment names the experiment that a draft is of.
func (d Draft) Experiment() string { return d.record.Experiment }

// Execution is how runs of a draft are done.
func (d Draft) Execution() (Execution, error) { return ExecutionOf(d.record) }

// Digest names the draft's blob, stored or not.
func (d Draft) Digest() (store.Digest, error) {
	data, err := encode(d.record)
	return store.DigestOf(data), err
}

// Put stores a draft and its plan, and returns the draft's digest.
func (d Draft) Put(ctx context.Context, st *store.Store) (store.Digest, error) {
	data, err := encode(d.record)
	if err != nil {
		return "", err
	}
	if _, err := st.PutBlob(ctx, d.plan); err != nil {
		return "", err
	}
	return st.PutBlob(ctx, data)
}

// ReadDraft returns the draft of that digest.
func ReadDraft(ctx context.Context, st *store.Store, digest store.Digest) (d Draft, err error) {
	data, err := st.ReadBlob(ctx, digest)
	if errors.Is(err, store.ErrNotFound) {
		return d, fault.New(fault.Permanent, fmt.Errorf("the store has no draft %s", digest), "send the experiment with 'gymline submit', which puts it there")
	}
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal(data, &d.record); err != nil {
		return d, fmt.Errorf("draft %s: %w", digest, err)
	}
	if d.plan, err = st.ReadBlob(ctx, d.record.Plan); err != nil {
		return d, fmt.Errorf("plan of draft %s: %w", digest, err)
	}
	return d, nil
}
