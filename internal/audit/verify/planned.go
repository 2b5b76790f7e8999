package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/planner"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
	"github.com/gymline/gymline/internal/why"
)

// given begins the path of an input in the experiment as it is planned again.
const given = "/input-"

// planned plans the experiment as it was given again, and compares. Another version may
// plan otherwise.
func (v *verifier) planned() error {
	if v.plan == nil {
		return nil
	}
	if v.record.Source == nil {
		v.remark("the experiment as it was given is not kept: an earlier gymline opened the run")
		return nil
	}
	key := store.BlobKey(v.record.Source.Experiment)
	data, err := v.st.ReadBlob(v.ctx, v.record.Source.Experiment)
	if err != nil {
		return v.bad(key, err, "the experiment as it was given is lost")
	}
	how, err := run.ExecutionOf(v.record)
	if err != nil {
		return v.bad(v.key("run.json"), err, "nobody can tell how the run was done")
	}
	now, err := v.replan(data, how.Set)
	if err != nil && v.ends(err) {
		return err
	}
	same := v.record.Version == v.opt.Version
	switch {
	case errors.Is(err, store.ErrCorrupt), errors.Is(err, store.ErrNotFound):
		return nil // a file of an input, which is told of by itself
	case err != nil && same:
		v.problem(key, "the experiment of the run's plan", err.Error(), "the experiment is not the one that was run")
	case err == nil && store.DigestOf(now) == v.record.Plan:
	case err == nil && same:
		return v.otherPlan(now)
	default:
		v.remark("not recomputed: another version, %s, planned the experiment, and only that one can tell whether it gives this plan", v.record.Version)
	}
	return nil
}

// otherPlan names what the run's plan has otherwise than the experiment's.
func (v *verifier) otherPlan(now []byte) error {
	was, err := v.plan.Encode()
	if err != nil {
		return err
	}
	list := slices.DeleteFunc(why.Changes("", now, was), func(c why.Change) bool { return c.Path == "experimentDigest" }) // which is of all others
	if len(list) == 0 {
		list = why.Changes("", now, was)
	}
	more := ""
	if n := len(list) - 1; n > 0 {
		more = fmt.Sprintf(", and %s more", text.Plural(n, "field"))
	}
	expected, found := list[0].Texts()
	v.problem(v.key("plan.json"), v.field(list[0].Path)+" "+expected+", as the experiment gives", found+more, "plan and experiment are not of one run")
	return nil
}

// field is the path of a plan's field, with the step's name for its number.
func (v *verifier) field(path string) string {
	var i int
	if n, _ := fmt.Sscanf(path, "steps[%d]", &i); n == 1 && i < len(v.plan.Steps) {
		_, rest, _ := strings.Cut(path, "]")
		return "step " + string(v.plan.Steps[i].Name) + ": " + strings.TrimPrefix(rest, ".")
	}
	return path
}

// replan is the plan of the experiment with the inputs of the run.
func (v *verifier) replan(data []byte, set []string) ([]byte, error) {
	trees := map[string]fs.FS{}
	paths, digests := map[string]string{}, map[string]store.Digest{}
	for name, t := range v.record.Inputs {
		tree, err := v.st.OpenTree(v.ctx, t.Digest)
		if err != nil {
			return nil, err
		}
		trees[name], paths[name], digests[name] = tree.FS(v.ctx), given+name, t.Digest
	}
	at := func(path string) (fs.FS, string, error) {
		name, rest, _ := strings.Cut(strings.TrimPrefix(path, given), "/")
		if tree := trees[name]; tree != nil && strings.HasPrefix(path, given) {
			if rest == "" {
				rest = "."
			}
			return tree, rest, nil
		}
		return nil, "", fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	e, err := experiment.Load("experiment.yaml", data, experiment.Options{
		Set: set, Inputs: paths,
		Stat: func(path string) (fs.FileInfo, error) {
			tree, rest, err := at(path)
			if err != nil {
				return nil, err
			}
			return fs.Stat(tree, rest)
		},
		Read: func(path string) ([]byte, error) {
			tree, rest, err := at(path)
			if err != nil {
				return nil, err
			}
			return fs.ReadFile(tree, rest)
		},
	})
	if err != nil {
		return nil, err
	}
	p, err := planner.Plan(e, maps.Clone(digests), v.opt.Formats)
	if err == nil && v.plan.Anew != nil {
		p, err = p.AskAnew(v.plan.Anew.Roles, v.plan.Anew.AsOf)
	}
	if err != nil {
		return nil, err
	}
	return p.Encode()
}

// inputs compares the plan's inputs with those of the run's record.
func (v *verifier) inputs() error {
	for name, d := range v.plan.Inputs {
		if t := v.record.Inputs[name]; t.Digest != d {
			v.problem(v.key("run.json"), "input "+name+" of the plan, "+string(d), string(t.Digest), "plan and record are not of one run")
		}
	}
	for name, t := range v.record.Inputs {
		if err := v.tree(t, v.key("run.json"), "input "+name); err != nil {
			return err
		}
	}
	for i := range v.plan.Steps {
		if s := &v.plan.Steps[i]; s.Job == plan.JobTrain {
			if err := v.checkpoint(s.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// tree compares a list of files with what a record says of it. The files are read with all
// other objects.
func (v *verifier) tree(t store.Tree, by, what string) error {
	tree, err := v.st.OpenTree(v.ctx, t.Digest)
	if err != nil {
		return v.bad(store.BlobKey(t.Digest), err, "the list of files of "+what+" is lost")
	}
	if n := len(tree.Files(".")); n != t.Files || tree.Bytes() != t.Bytes {
		v.problem(by, fmt.Sprintf("%s of %d files, %d bytes, as its list says", what, n, tree.Bytes()), fmt.Sprintf("%d files, %d bytes", t.Files, t.Bytes), "the record was altered")
	}
	return nil
}

// checkpoint compares what was put with what the step took.
func (v *verifier) checkpoint(step store.StepName) error {
	name := plan.TrainingOf(step)
	key := v.key("checkpoints/" + name + ".json")
	c, err := v.st.ReadCheckpoint(v.ctx, v.id, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil // it was taken over, or has not come
	}
	if err != nil {
		return v.bad(key, err, "nobody can tell which checkpoint came")
	}
	if err := v.tree(c.Tree, key, "checkpoint "+name); err != nil {
		return err
	}
	rec := v.steps[step][0]
	if rec == nil || rec.Reused {
		return nil
	}
	var took plan.Checkpoint
	if err := run.ReadOutput(v.ctx, v.st, v.id, step, plan.CheckpointOutput, &took); err != nil {
		return v.bad(v.key("steps/"+string(step)+"/0.json"), err, "nobody can tell which checkpoint was taken")
	}
	if took.Tree != c.Tree.Digest {
		v.problem(key, "the tree that the step took, "+string(took.Tree), string(c.Tree.Digest), "the checkpoint's record was altered")
	}
	return nil
}
