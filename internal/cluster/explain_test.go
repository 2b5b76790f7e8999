package cluster

import (
	"reflect"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/engine/argo"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// What no job could tell, the cluster does: a pod that took too much of its node's
// disk names the setting, another one says what became of it.
func TestExplained(t *testing.T) {
	none := []store.Failure{{Step: run.Unexplained, ExitCode: fault.Temporary, Cause: "a pod ended without saying why"}}
	told := []store.Failure{{Step: "make", Shard: 1, ExitCode: fault.Permanent, Cause: "row 3"}}
	full := argo.Pod{Step: "make", Shard: 1, Attempt: 1, Phase: argo.Failed, Message: `Usage of EmptyDir volume "tmp" exceeds the limit "16Gi". `}
	killed := argo.Pod{Step: "make", Shard: 2, Attempt: 1, Name: "p", Phase: argo.Failed, Message: "OOMKilled (exit code 137)"}
	again := killed
	again.Attempt, again.Phase, again.Message = 2, argo.Running, ""
	overfull := store.Failure{
		Step: "make", Shard: 1, ExitCode: fault.Config, Cause: "the pod took more of its node's disk than it may, and was evicted: " + strings.TrimSpace(full.Message),
		Hint: "raise spec.argo.scratch of the profile for make",
	}
	oom := store.Failure{Step: "make", Shard: 2, ExitCode: fault.Temporary, Cause: "pod p: OOMKilled (exit code 137)"}
	for name, test := range map[string]struct {
		failures []store.Failure
		pods     []argo.Pod
		want     []store.Failure
	}{
		"nothing is known":        {none, nil, none},
		"a full disk":             {none, []argo.Pod{full}, []store.Failure{overfull}},
		"before it is sealed":     {nil, []argo.Pod{full, killed}, []store.Failure{overfull}},
		"both":                    {none, []argo.Pod{full, killed}, []store.Failure{overfull, oom}},
		"it was tried again":      {none, []argo.Pod{full, killed, again}, []store.Failure{overfull}},
		"the job knows better":    {told, []argo.Pod{full, killed}, told},
		"a run that is under way": {nil, []argo.Pod{killed}, nil},
	} {
		if got := explained(test.failures, test.pods); !reflect.DeepEqual(got, test.want) && len(got)+len(test.want) > 0 {
			t.Errorf("%s: %+v\nwant %+v", name, got, test.want)
		}
	}
}
