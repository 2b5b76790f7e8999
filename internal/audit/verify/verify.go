// Package verify reads a run's objects again, all that it can reach, and says what is not as
// it was recorded: each object against its digest, each record against the binding of the
// seal, the plan against the experiment, every step against the plan and the steps before
// it, and the seal against the runs before.
//
// It reads the store alone. What it finds wrong is a Problem that names the object; what
// ends it is that the store cannot be read. What is kept meanwhile is a few bytes an object.
package verify

import (
	"cmp"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// A Problem is an object that is not as it was recorded.
type Problem struct {
	Run      store.RunID `json:"run"`
	Key      string      `json:"key"`
	Expected string      `json:"expected"`
	Found    string      `json:"found"`
	Means    string      `json:"means"`
}

// A Result is what was found of a run.
type Result struct {
	Run   store.RunID
	State string
	// Seal is the sha256 of seal.json, "" of a run without one; Bound says that it binds
	// the run's records.
	Seal     store.Digest
	Bound    bool
	SignedBy []string // the IDs of those keys
	Models   []string // the steps whose files those keys signed as models
	Stamped  []string // when time stamps say that those signatures were there, and by whom
	Chain    int      // how many sealed runs before it were followed
	Objects  int64
	Bytes    int64 // decoded
	Again    bool  // its pure steps were done again, by who verifies
	Problems []Problem
	// Remarks are what no one can hold against anything.
	Remarks []string
}

// Options are what else to verify by.
type Options struct {
	// Version and Formats are this gymline's, which plans an experiment again.
	Version string
	Formats map[string]int
	// Keys are those that each run has to be signed by.
	Keys []crypto.PublicKey
	// Roots are the time-stamping authorities' certificates, one of whose time stamps each
	// run wants; nil: none is wanted.
	Roots *x509.CertPool
	// Whole says that the store has every run: an earlier one that is gone, without a word of
	// its removal, is a problem. Else it may have stayed where this one was packed.
	Whole bool
	// Told hears how many objects and bytes were read, from several goroutines; nil: nobody.
	Told func(objects, bytes int64)
}

// Run verifies a run. The error is the store's, or that there is no such run.
func Run(ctx context.Context, st *store.Store, id store.RunID, opt Options) (*Result, error) {
	v := &verifier{
		ctx: ctx, st: st, id: id, opt: opt, result: &Result{Run: id, State: run.Unsealed}, lines: map[store.Digest]rowsOf{},
		trust: job.NewTrust(st), stones: map[store.RunID]bool{}, makers: map[store.RunID]bool{},
	}
	for _, part := range []func() error{v.records, v.binding, v.gaps, v.planned, v.worked, v.signed, v.withdrawn, v.objects} {
		if err := part(); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(v.result.Problems, func(a, b Problem) int { return cmp.Compare(a.Key, b.Key) })
	v.result.Problems = slices.Compact(v.result.Problems)
	return v.result, nil
}

// rowsOf is what a step says of an output's rows.
type rowsOf struct {
	rows   int64
	ledger bool // it is a row ledger
	by     string
}

type verifier struct {
	ctx context.Context //nolint:containedctx // of one verification
	st  *store.Store
	id  store.RunID
	opt Options

	mu     sync.Mutex
	result *Result

	record store.Run
	seal   *store.Seal
	plan   *plan.Plan // nil where it cannot be trusted
	steps  map[store.StepName][]*store.Step
	trust  *job.Trust
	stones map[store.RunID]bool // that were told of
	makers map[store.RunID]bool // that are gone, and were told of
	lines  map[store.Digest]rowsOf
}

func (v *verifier) problem(key, expected, found, means string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.result.Problems = append(v.result.Problems, Problem{v.id, key, expected, found, means})
}

func (v *verifier) remark(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.result.Remarks = append(v.result.Remarks, fmt.Sprintf(format, args...))
}

// ends reports whether an error is of the whole store, rather than of an object.
func (v *verifier) ends(err error) bool {
	e, ok := errors.AsType[*store.Error](err)
	return v.ctx.Err() != nil || ok && e.Kind != store.Refused
}

// bad makes an error a problem of an object, unless it ends all.
func (v *verifier) bad(key string, err error, means string) error {
	switch {
	case err == nil:
		return nil
	case v.ends(err):
		return err
	case errors.Is(err, store.ErrNotFound):
		v.problem(key, "to be there", "nothing", means)
	default:
		v.problem(key, "an object as it was written", err.Error(), means)
	}
	return nil
}

func (v *verifier) key(rest string) string { return "runs/" + string(v.id) + "/" + rest }

// records reads the run's own records, and the records of its steps.
func (v *verifier) records() error {
	record, runErr := v.st.ReadRun(v.ctx, v.id)
	if errors.Is(runErr, store.ErrNotFound) {
		if keys, err := v.st.BoundKeys(v.ctx, v.id); err == nil && len(keys) == 0 {
			return fmt.Errorf("there is no run %s in this store: %w", v.id, runErr)
		}
	}
	seal, err := v.st.ReadSeal(v.ctx, v.id)
	switch {
	case err == nil:
		v.seal, v.result.State = &seal, seal.State
	case errors.Is(err, store.ErrNotFound):
		v.remark("the run is not sealed: nothing binds its records")
	default:
		v.result.State = run.Unreadable
		if err := v.bad(v.key("seal.json"), err, "nothing binds the run's records"); err != nil {
			return err
		}
	}
	if runErr != nil {
		return v.bad(v.key("run.json"), runErr, "nobody can tell what the run was of")
	}
	v.record = record
	return v.ofPlan()
}

// ofPlan reads the plan and the records of its steps.
func (v *verifier) ofPlan() error {
	raw, err := v.st.ReadPlan(v.ctx, v.id)
	if err == nil {
		v.plan, err = job.PlanOf(v.record, raw)
	}
	if err != nil {
		return v.bad(v.key("plan.json"), err, "it is not the plan that run.json names")
	}
	v.steps = map[store.StepName][]*store.Step{}
	for i := range v.plan.Steps {
		step := &v.plan.Steps[i]
		list := make([]*store.Step, step.Shards)
		err := store.SideBySide(v.ctx, step.Shards, func(shard int) error {
			rec, err := v.st.ReadStep(v.ctx, v.id, step.Name, shard)
			switch {
			case err == nil:
				list[shard] = &rec
			case errors.Is(err, store.ErrNotFound) && (v.seal == nil || v.seal.State != store.Succeeded):
			default:
				return v.bad(v.key(fmt.Sprintf("steps/%s/%d.json", step.Name, shard)), err, "the step's outputs have no record")
			}
			return nil
		})
		if err != nil {
			return err
		}
		v.steps[step.Name] = list
		v.noteRows(list)
	}
	return nil
}

// noteRows notes how many rows the outputs have.
func (v *verifier) noteRows(list []*store.Step) {
	for _, rec := range list {
		if rec == nil {
			continue
		}
		for _, a := range rec.Outputs {
			if a.MediaType == job.JSONL {
				v.lines[a.Digest] = rowsOf{a.Rows, a.Name == plan.RowsOutput, fmt.Sprintf("%s/%d/%s", rec.Step, rec.Shard, a.Name)}
			}
		}
	}
}

// late reports whether a record may come after the run's seal, which cannot bind it.
func (v *verifier) late(key string) bool {
	rest := strings.TrimPrefix(key, v.key(""))
	switch {
	case rest == "images.json", strings.HasPrefix(rest, "acts/"), strings.HasPrefix(rest, "checkpoints/"), strings.HasPrefix(rest, "spend/"),
		strings.HasPrefix(rest, "steps/"+string(plan.TrainStep(""))):
		return true
	}
	return v.seal != nil && v.seal.State == store.Interrupted
}
