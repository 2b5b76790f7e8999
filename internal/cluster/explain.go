package cluster

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/engine/argo"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// explained are failures with what only the cluster knows: why pods ended whose
// jobs could not leave a word. A job that left one knows better.
func explained(failures []store.Failure, pods []argo.Pod) []store.Failure {
	unexplained := slices.ContainsFunc(failures, func(f store.Failure) bool { return f.Step == run.Unexplained })
	list := slices.DeleteFunc(slices.Clone(failures), func(f store.Failure) bool { return f.Step == run.Unexplained })
	for _, p := range pods {
		of := func(f store.Failure) bool { return string(f.Step) == p.Step && f.Shard == p.Shard }
		if p.Phase != argo.Failed || p.Message == "" || slices.ContainsFunc(list, of) || !unexplained && !p.Overfull() {
			continue
		}
		if slices.ContainsFunc(pods, func(later argo.Pod) bool {
			return later.Step == p.Step && later.Shard == p.Shard && later.Attempt > p.Attempt
		}) {
			continue
		}
		f := store.Failure{Step: store.StepName(p.Step), Shard: p.Shard, ExitCode: fault.Temporary, Cause: fmt.Sprintf("pod %s: %s", cmp.Or(p.Name, "of "+p.Step), p.Message)}
		if p.Overfull() {
			f.ExitCode, f.Cause = fault.Config, "the pod took more of its node's disk than it may, and was evicted: "+strings.TrimSpace(p.Message)
			f.Hint = "raise spec.argo.scratch of the profile for " + p.Step
		}
		list = append(list, f)
	}
	if len(list) == 0 {
		return failures
	}
	return list
}
