package job

import (
	"context"
	"encoding/json"
	"path"
	"slices"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/trace"
)

// Unread returns the files of a named input that no step of the plan reads, sorted: what
// somebody put there for nothing, or under a name that it is not found by. A folder
// of which no file is read stands for all of them, with a "/" at its end.
func (in *Inputs) Unread(ctx context.Context, p *plan.Plan, name string) ([]string, error) {
	tree, err := in.tree(ctx, name)
	if err != nil {
		return nil, err
	}
	read := map[string]bool{}
	for _, own := range p.Prompts { // the plan holds their texts
		if own.File.Input == name {
			read[path.Clean(own.File.Path)] = true
		}
	}
	for i := range p.Steps {
		step := &p.Steps[i]
		for shard := range step.Shards {
			share := step.Of(shard)
			var predict plan.Predict
			if step.Job == plan.JobPredict {
				if err := json.Unmarshal(share.Params, &predict); err != nil {
					return nil, err
				}
			}
			for _, source := range share.Sources {
				if source.Input != name {
					continue
				}
				var traces map[string]bool // whose answers the folder is read for; nil: any
				if recorded := predict.Candidate.Recorded; recorded != nil && *recorded == source {
					traces = in.traces(ctx, predict.Benchmark)
				}
				for _, f := range tree.Files(path.Clean(source.Path)) {
					read[f.Path] = read[f.Path] || reads(source, f.Path, traces)
				}
			}
			if step.Each == nil {
				break // all shards read the same
			}
		}
	}
	lively := map[string]bool{} // folders of which something is read
	for _, f := range tree.Files(".") {
		for dir := path.Dir(f.Path); read[f.Path] && dir != "." && !lively[dir]; dir = path.Dir(dir) {
			lively[dir] = true
		}
	}
	var unread []string
	for _, f := range tree.Files(".") {
		if read[f.Path] || trace.IsSplits(f.Path) {
			continue
		}
		name := f.Path
		for dir := path.Dir(f.Path); dir != "." && !lively[dir]; dir = path.Dir(dir) {
			name = dir + "/"
		}
		unread = append(unread, name)
	}
	slices.Sort(unread)
	return slices.Compact(unread), nil
}

// traces names the traces of a benchmark.
func (in *Inputs) traces(ctx context.Context, benchmark plan.File) map[string]bool {
	names := map[string]bool{}
	tree, err := in.tree(ctx, benchmark.Input)
	if err != nil {
		return names
	}
	for _, p := range tree.List(benchmark.Path) {
		if trace.IsTrace(p) {
			names[trace.FileID(p)] = true
		}
	}
	return names
}

// reads reports whether a file is read from a source that holds it: it is the source, or
// a trace right in it, or of reward data.
func reads(source plan.File, p string, traces map[string]bool) bool {
	dir := path.Clean(source.Path)
	switch {
	case p == dir:
		return true
	case path.Dir(p) == dir && trace.IsTrace(p):
		return traces == nil || traces[trace.FileID(p)]
	}
	return p == path.Join(dir, "reward_data", "train_data.jsonl") || p == path.Join(dir, "reward_data", "test_data.jsonl")
}
