package why

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// A Side is a plan that is held against another one.
type Side struct {
	Run store.RunID // "" of a plan that is no run's
	*plan.Plan
	from  *store.Store             // where inputs are read that trees does not have
	trees map[string]*store.TreeFS // the inputs; nil: not to be read
}

// SideOf is a run's plan, whose inputs are read from its store.
func SideOf(st *store.Store, id store.RunID, p *plan.Plan) *Side {
	return &Side{Run: id, Plan: p, from: st, trees: map[string]*store.TreeFS{}}
}

// Input lists a named input's files, nil where its list cannot be read.
func (s *Side) Input(ctx context.Context, name string) (*store.TreeFS, error) {
	if tree, ok := s.trees[name]; ok || s.from == nil {
		return tree, nil
	}
	tree, err := s.from.OpenTree(ctx, s.Inputs[name])
	if e, ok := errors.AsType[*store.Error](err); ctx.Err() != nil || ok && e.Kind == store.Transient {
		return nil, err
	}
	if err != nil {
		tree = nil
	}
	s.trees[name] = tree
	return tree, nil
}

// NameOf is what a share is about, "" where only its position tells.
func NameOf(share plan.Share) string {
	var p struct {
		Candidate struct {
			Name string `json:"name"`
		} `json:"candidate"`
		Repeat int `json:"repeat"`
	}
	_ = json.Unmarshal(share.Params, &p) // of another form: no name
	if p.Repeat > 0 {
		return fmt.Sprintf("%s#%d", p.Candidate.Name, p.Repeat)
	}
	return p.Candidate.Name
}

// Counterpart is the shard of a step that did then what a shard does now, or -1.
func Counterpart(was, now *plan.Step, shard int) int {
	if name := NameOf(now.Of(shard)); now.Each != nil && was.Each != nil && name != "" {
		return slices.IndexFunc(was.Each, func(share plan.Share) bool { return NameOf(share) == name })
	}
	if shard < was.Shards {
		return shard
	}
	return min(0, was.Shards-1)
}

// Differences are what differs in two shards' work keys, beside what they read of the
// steps before.
func Differences(ctx context.Context, was, now *Side, name store.StepName, at, shard int) (list []string, err error) {
	old, step := was.Step(name), now.Step(name)
	differ := func(what string, was, now any) {
		if was != now {
			list = append(list, fmt.Sprintf("%s %v → %v", what, was, now))
		}
	}
	differ("job", old.Job, step.Job)
	differ("format", old.Format, step.Format)
	differ("seed", was.Seed, now.Seed)
	if step.Each == nil {
		differ("shards", old.Shards, step.Shards)
	}
	for _, c := range Changes("params", old.Of(at).Params, step.Of(shard).Params) {
		list = append(list, c.String())
	}
	files, err := sources(ctx, was, now, old.Of(at), step.Of(shard))
	return append(list, files...), err
}

// sources say which files of the experiment's inputs are others.
func sources(ctx context.Context, was, now *Side, old, share plan.Share) (list []string, err error) {
	for _, f := range share.Sources {
		if !slices.Contains(old.Sources, f) {
			list = append(list, fmt.Sprintf("input %s: %s was not read", f.Input, f.Path))
			continue
		}
		before, err := was.Input(ctx, f.Input)
		if err != nil {
			return nil, err
		}
		after, err := now.Input(ctx, f.Input)
		if err != nil {
			return nil, err
		}
		if before == nil || after == nil {
			if was.Inputs[f.Input] != now.Inputs[f.Input] {
				unread := was
				if before != nil {
					unread = now
				}
				list = append(list, fmt.Sprintf("input %s: some file changed; the list of those of %s cannot be read", f.Input, unread.Run))
			}
			continue
		}
		if files := changed(before.Files(f.Path), after.Files(f.Path)); len(files) > 0 {
			list = append(list, fmt.Sprintf("input %s: %s", f.Input, some(files, ", ")))
		}
	}
	return list, nil
}

// A File is one of an input that is not what it was: "" is of one that is not there.
type File struct {
	Path string       `json:"path"`
	Was  store.Digest `json:"was,omitempty"`
	Is   store.Digest `json:"is,omitempty"`
}

// String says what became of it.
func (f File) String() string {
	switch {
	case f.Was == "":
		return f.Path + " is new"
	case f.Is == "":
		return f.Path + " is gone"
	}
	return f.Path + " changed"
}

// Files are those of two lists that are not the same in both: those of the second in its
// order, then those that are gone.
func Files(was, now []store.TreeFile) (list []File) {
	old := map[string]store.Digest{}
	for _, f := range was {
		old[f.Path] = f.Digest
	}
	for _, f := range now {
		if old[f.Path] != f.Digest {
			list = append(list, File{f.Path, old[f.Path], f.Digest})
		}
		delete(old, f.Path)
	}
	for _, f := range was {
		if _, left := old[f.Path]; left {
			list = append(list, File{Path: f.Path, Was: f.Digest})
		}
	}
	return list
}

// changed says of each file that is not what it was.
func changed(was, now []store.TreeFile) (list []string) {
	for _, f := range Files(was, now) {
		list = append(list, f.String())
	}
	return list
}

// mostFiles are named, of those that changed.
const mostFiles = 3

func some(list []string, last string) string {
	if more := len(list) - mostFiles; more > 0 {
		return strings.Join(list[:mostFiles], ", ") + fmt.Sprintf("%sand %d more", last, more)
	}
	return strings.Join(list, ", ")
}
