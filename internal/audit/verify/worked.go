package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// worked holds every step record against the plan, and against the steps before.
func (v *verifier) worked() error {
	if v.plan == nil {
		return nil
	}
	if err := v.inputs(); err != nil {
		return err
	}
	inputs := job.StoredInputs(v.st, v.plan)
	for i := range v.plan.Steps {
		step := &v.plan.Steps[i]
		list := v.steps[step.Name]
		err := store.SideBySide(v.ctx, len(list), func(shard int) error {
			if list[shard] == nil {
				return nil
			}
			if err := v.shard(step, list[shard], inputs); err != nil {
				return err
			}
			return v.memo(list[shard])
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// before are the records of a step that is done.
func (v *verifier) before(_ context.Context, name store.StepName) ([]store.Step, error) {
	list := v.steps[name]
	records := make([]store.Step, len(list))
	for i, rec := range list {
		if rec == nil {
			return nil, fmt.Errorf("%s/%d has no record that can be read: %w", name, i, store.ErrNotFound)
		}
		records[i] = *rec
	}
	return records, nil
}

func (v *verifier) shard(step *plan.Step, rec *store.Step, inputs *job.Inputs) error {
	key := v.key(fmt.Sprintf("steps/%s/%d.json", rec.Step, rec.Shard))
	reads, err := job.Resolve(v.ctx, step, rec.Shard, v.before, inputs)
	if err != nil {
		if v.ends(err) {
			return err
		}
		if !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrCorrupt) {
			v.problem(key, "what it read, as the plan has it", err.Error(), "its work cannot be told")
		}
		return nil // what is missing is told of by itself
	}
	if !slices.Equal(reads.List, rec.Inputs) {
		v.problem(key, "to have read "+listed(reads.List, rec.Inputs), listed(rec.Inputs, reads.List), "it read other than the steps before made, or one of the records was altered")
	}
	work, err := step.WorkKey(v.plan.Seed, rec.Shard, reads.Resolved)
	if err != nil {
		return err
	}
	if work != rec.WorkKey {
		v.problem(key, "work key "+string(work), string(rec.WorkKey), "it is the record of other work")
	}
	if err := v.maker(rec, key); err != nil {
		return err
	}
	if rec.Published != "" {
		return v.export(rec)
	}
	return nil
}

// maker holds a record of work that was taken over against that of whoever did it.
func (v *verifier) maker(rec *store.Step, key string) error {
	by := rec.MadeBy
	if by == nil {
		return nil // done here, or taken over by an earlier gymline
	}
	made, err := store.StepKey(by.Run, rec.Step, by.Shard)
	if err != nil || !rec.Reused || by.Run == v.id && by.Shard == rec.Shard {
		v.problem(key, "madeBy to name the record of whoever did the work", fmt.Sprintf("%s/%s/%d", by.Run, rec.Step, by.Shard), "the record was altered")
		return nil
	}
	then, sum, err := v.st.StepAsStored(v.ctx, by.Run, rec.Step, by.Shard)
	switch {
	case errors.Is(err, store.ErrNotFound):
		v.gone(by.Run)
	case err != nil:
		return v.bad(made, err, "nobody can tell who did the work of "+key)
	case sum != by.SHA256:
		v.problem(made, "sha256 "+string(by.SHA256)+", as "+key+" says", string(sum), "it was altered after its work was taken over, or never did it")
	case then.WorkKey != rec.WorkKey, !slices.Equal(then.Outputs, rec.Outputs):
		v.problem(key, "the work and outputs of "+made+", which did the work", "others", "one of the records was altered")
	}
	return nil
}

// gone says once that a run is not there that did work which this one took over.
func (v *verifier) gone(maker store.RunID) {
	v.mu.Lock()
	told := v.makers[maker]
	v.makers[maker] = true
	v.mu.Unlock()
	if !told {
		v.remark("run %s did work that this one took over, and its records are not in this store", maker)
	}
}

// listed shows the first artifact that another list does not have in its place.
func listed(list, other []store.Artifact) string {
	for i, a := range list {
		if i >= len(other) || other[i] != a {
			return fmt.Sprintf("%s %s (%d of %d)", a.Name, a.Digest, i+1, len(list))
		}
	}
	return fmt.Sprintf("%d artifacts", len(list))
}

// export looks for what stands beside published files and is none of them.
func (v *verifier) export(rec *store.Step) error {
	prefix, _, err := store.ExportOf(rec.Published, rec.Outputs)
	if err != nil {
		return v.bad(v.key(fmt.Sprintf("steps/%s/%d.json", rec.Step, rec.Shard)), err, "its export cannot be told")
	}
	for key, err := range v.st.Bucket().List(v.ctx, prefix) {
		if err != nil {
			return err
		}
		name := key[len(prefix):]
		if name != store.ExportList && !slices.ContainsFunc(rec.Outputs, func(a store.Artifact) bool { return a.Name == name }) {
			v.problem(key, "nothing: the export's list has no such file", "a file", "it was added to the export")
		}
	}
	return nil
}

// memo holds the memo of a step's work against the record of whoever did it.
func (v *verifier) memo(rec *store.Step) error {
	why, err := v.trust.Doubt(v.ctx, rec.WorkKey)
	if err != nil {
		return v.bad("memo/"+string(rec.WorkKey)+".json", err, "the work is done again when it is wanted")
	}
	if why != "" {
		v.problem("memo/"+string(rec.WorkKey)+".json", "a copy of the record of whoever did the work", why, "it was altered; a run would not reuse it")
	}
	return nil
}
