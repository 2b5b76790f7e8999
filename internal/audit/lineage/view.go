package lineage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

// A View is one run, read for questions of its lineage. It keeps what several of them
// need, and is not for use by several goroutines at once.
type View struct {
	st     *store.Store
	run    *run.Run
	trees  map[string]*store.TreeFS
	makers map[store.WorkKey]store.RunID
	scenes *scenes
	people map[plan.File]*people
	last   *trace.Episode // that was read
	kept   []*exported    // the export's rows, where they are few
}

// Open reads a run's records.
func Open(ctx context.Context, st *store.Store, id store.RunID) (*View, error) {
	r, err := run.Read(ctx, st, id)
	if err == nil {
		err = r.Damage
	}
	if err == nil && r.Plan == nil {
		err = fault.New(fault.Usage, fmt.Errorf("run %s: %w", id, ErrNothing), "see 'gymline list'")
	}
	if err != nil {
		return nil, err
	}
	return &View{st: st, run: r, trees: map[string]*store.TreeFS{}, makers: map[store.WorkKey]store.RunID{}, people: map[plan.File]*people{}}, nil
}

// ErrNothing is of a run that was cut off before it had a plan.
var ErrNothing = errors.New("it was cut off as it opened, and made nothing")

// Run is the run's ID.
func (v *View) Run() store.RunID { return v.run.ID }

// step returns the step of a job that the plan has once, or nil.
func (v *View) step(job string) *run.Step {
	for i := range v.run.Steps {
		if v.run.Steps[i].Job == job {
			return &v.run.Steps[i]
		}
	}
	return nil
}

// named returns a step, or nil.
func (v *View) named(name store.StepName) *run.Step {
	for i := range v.run.Steps {
		if v.run.Steps[i].Name == name {
			return &v.run.Steps[i]
		}
	}
	return nil
}

// params decodes what a shard's job was told.
func params[T any](s *run.Step, shard int) (p T, err error) {
	if err := json.Unmarshal(s.Of(shard).Params, &p); err != nil {
		return p, fmt.Errorf("step %s: parameters: %w", s.Name, err)
	}
	return p, nil
}

// errUnfinished says that a shard has no record yet.
var errUnfinished = errors.New("it is not finished")

// artifact returns an output of a shard.
func (v *View) artifact(s *run.Step, shard int, output string) (store.Artifact, error) {
	rec := s.Shards[shard].Record
	if rec == nil {
		return store.Artifact{}, fault.New(fault.Usage, fmt.Errorf("%s/%d of run %s: %w", s.Name, shard, v.run.ID, errUnfinished), fmt.Sprintf("see 'gymline show %s'", v.run.ID))
	}
	return rec.Output(output)
}

// at is the node of a row of an output, or of all of it where row is "".
func (v *View) at(ctx context.Context, kind string, s *run.Step, shard int, output, row string) (Node, error) {
	a, err := v.artifact(s, shard, output)
	if err != nil {
		return Node{}, err
	}
	n := Node{ID: fmt.Sprintf("%s/%s/%d/%s", v.run.ID, s.Name, shard, output), Kind: kind, Digest: a.Digest}
	if row != "" {
		n.ID += "#" + row
	}
	n.MadeBy, err = v.maker(ctx, s.Shards[shard].Record)
	return n, err
}

// maker is the run that did the work of a record, where it was taken over. Of a record that
// an earlier gymline wrote only the memo tells.
func (v *View) maker(ctx context.Context, rec *store.Step) (store.RunID, error) {
	if !rec.Reused {
		return "", nil
	}
	if rec.MadeBy != nil {
		return rec.MadeBy.Run, nil
	}
	if by, ok := v.makers[rec.WorkKey]; ok {
		return by, nil
	}
	memo, err := v.st.ReadMemo(ctx, rec.WorkKey)
	if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrUnreadable) {
		return "", err
	}
	v.makers[rec.WorkKey] = memo.Run // "": nobody knows any more
	return memo.Run, nil
}

// lines calls fn with each line of an output that is JSONL; errStop ends it.
func (v *View) lines(ctx context.Context, s *run.Step, shard int, output string, fn func(n int, line []byte) error) error {
	r, err := v.open(ctx, s, shard, output)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := job.Lines(r, fn); !errors.Is(err, errStop) {
		return run.Damaged(v.run.ID, s.Name, err)
	}
	return nil
}

var errStop = errors.New("it was found")

func (v *View) open(ctx context.Context, s *run.Step, shard int, output string) (io.ReadCloser, error) {
	a, err := v.artifact(s, shard, output)
	if err != nil {
		return nil, err
	}
	return v.st.Concat(ctx, []store.Artifact{a}), nil
}

// each decodes an output that is JSONL, row by row.
func each[T any](ctx context.Context, v *View, s *run.Step, shard int, output string, fn func(n int, row *T) error) error {
	r, err := v.open(ctx, s, shard, output)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := job.Decode(r, output, fn); !errors.Is(err, errStop) {
		return run.Damaged(v.run.ID, s.Name, err)
	}
	return nil
}

// document decodes an output that is one JSON document.
func (v *View) document(ctx context.Context, s *run.Step, output string, into any) error {
	a, err := v.artifact(s, 0, output)
	if err != nil {
		return err
	}
	data, err := v.st.ReadBlob(ctx, a.Digest)
	if err != nil {
		return run.Damaged(v.run.ID, s.Name, err)
	}
	return json.Unmarshal(data, into)
}

// tree opens an input.
func (v *View) tree(ctx context.Context, input string) (*store.TreeFS, error) {
	if t := v.trees[input]; t != nil {
		return t, nil
	}
	t, err := v.st.OpenTree(ctx, v.run.Plan.Inputs[input])
	if err == nil {
		v.trees[input] = t
	}
	return t, err
}

// file is the node of a file of an input, or of a line of it where line is not 0.
func (v *View) file(ctx context.Context, f plan.File, line int) (Node, error) {
	t, err := v.tree(ctx, f.Input)
	if err != nil {
		return Node{}, err
	}
	n := Node{ID: place(f, line), Kind: Input}
	if files := t.Files(f.Path); len(files) == 1 && files[0].Path == f.Path {
		n.Digest = files[0].Digest
	}
	return n, nil
}

// place names a line of a file.
func place(f plan.File, line int) string {
	if line == 0 {
		return f.String()
	}
	return f.String() + "#" + strconv.Itoa(line)
}

// episode reads a session of the gym.
func (v *View) episode(ctx context.Context, session string) (*trace.Episode, int, error) {
	s := v.step(plan.JobGenerate)
	shard, err := v.shardOf(ctx, session)
	if err != nil {
		return nil, 0, err
	}
	if v.last != nil && v.last.ID == session {
		return v.last, shard, nil
	}
	begins := []byte(`{"id":` + strconv.Quote(session) + `,`)
	var found *trace.Episode
	err = v.lines(ctx, s, shard, plan.EpisodesOutput, func(_ int, line []byte) error {
		if !bytes.HasPrefix(line, begins) {
			return nil
		}
		found = new(trace.Episode)
		if err := json.Unmarshal(line, found); err != nil {
			return err
		}
		return errStop
	})
	if err == nil && found == nil {
		err = v.none(session, fmt.Sprintf("see 'gymline sessions %s'", v.run.ID))
	}
	v.last = found
	return found, shard, err
}

// none says that a run has no such thing.
func (v *View) none(what, hint string) error {
	return fault.New(fault.Usage, fmt.Errorf("run %s has no %q", v.run.ID, what), hint)
}
