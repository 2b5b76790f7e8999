// Package engine is what every engine runs for a shard: one command line and one
// environment, whether in a child process or in a pod.
package engine

import (
	"strconv"

	"github.com/gymline/gymline/internal/plan"
)

// Args is the argument list, after the binary's name, of one job: the shard, and
// every stride-th one after it. run and shard may be an engine's placeholders.
func Args(run string, step *plan.Step, shard string, stride int) []string {
	return []string{"job", step.Job, "--run", run, "--step", string(step.Name), "--shard", shard, "--stride", strconv.Itoa(stride)}
}

// HandOff is the variable that names, to a job whose trainer has a container of its
// own, the folder that both have.
const HandOff = "GYMLINE_HANDOFF"

// A Variable is one of a job's environment. Secret, where it is set, names the
// variable of the user's own environment that holds the value.
type Variable struct{ Name, Value, Secret string }
