// Package argo runs a plan on Argo Workflows. Compile is a pure function from a
// plan to a WorkflowTemplate and a Workflow or CronWorkflow; Check refuses what
// Argo or Kubernetes could not hold; a Client submits, watches and steers.
//
// What Compile promises: the manifests hold a few words and no data, so their
// size does not depend on shards; each pod's command line and environment are
// the local engine's; no text of a user's is a template of Argo's; secrets are
// references; a WorkflowTemplate is named after its own content, so that one in
// use never changes.
package argo

import (
	"time"

	"github.com/gymline/gymline/internal/engine"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// A Config says where and how the pods run.
type Config struct {
	Namespace              string
	Image                  string // gymline's
	PullPolicy             string
	ServiceAccount         string // of the pods; its token is mounted nowhere
	ExecutorServiceAccount string // of Argo's own container in each pod
	// Env returns the environment of a step's job; of nil, that of a pod which needs the store alone.
	Env func(*plan.Step) []engine.Variable
	// Notify are what pods get beside Env that tell webhooks of a run: the one that seals
	// it, and those that begin to wait for an external checkpoint.
	Notify []engine.Variable
	// Seal are what the pod that seals a run gets beside these, to send what it was.
	Seal []engine.Variable
	// SignKey names the variable of the key that signs runs, for the pod that opens a run,
	// which looks at it, and the one that seals it; "": runs are not signed.
	SignKey string
	// Secrets says where pods find what Env, Notify, Seal and SignKey call a secret.
	Secrets map[string]SecretKey
	// TrainerKeys says where the pods of a TrainJob find the store's keys that they get,
	// by the variable that they get each in; never the store's own.
	TrainerKeys map[string]SecretKey
	// Pods bounds the pods of a step, Parallel those that run at once.
	Pods, Parallel int
	// Retries is how often a pod is tried again after a temporary failure; the
	// waits double from Backoff up to MaxBackoff.
	Retries             int
	Backoff, MaxBackoff time.Duration
	// Deadline is the longest life of a pod.
	Deadline time.Duration
	// Suspend awaits an external checkpoint without a pod.
	Suspend bool
	// Resources are by step; "default" is for all others.
	Resources map[string]Resources
	// Scratch is the room for temporary files, by step, in Kubernetes' units;
	// "default" is for all others.
	Scratch map[string]string
	// Draft is the blob that the run is opened from.
	Draft store.Digest
	// Schedule makes a CronWorkflow.
	Schedule *Schedule
}

// A SecretKey is one key of a Kubernetes Secret.
type SecretKey struct{ Name, Key string }

// Resources are what a container asks for and may use, in Kubernetes' units.
type Resources struct{ Requests, Limits map[string]string }

// A Schedule starts runs by the clock.
type Schedule struct {
	Cron             []string
	Timezone         string
	StartingDeadline time.Duration
}

// scheduledForm is a scheduled time within a run's ID, in Go's layout.
const scheduledForm = "2006-01-02T150405Z"

// run is the run's ID as a pod's arguments have it. That of a scheduled run
// comes from its time, so that a time which fires twice is one run. The time is
// in UTC: Argo writes it in the zone of its controller, or of whoever starts one
// by hand, whose "+" no name may hold.
func (c Config) run(experiment string) string {
	switch {
	case c.Schedule != nil:
		return experiment + `-{{=date(workflow.scheduledTime).UTC().Format('` + scheduledForm + `')}}`
	default:
		return "{{workflow.name}}"
	}
}

// ScheduledRun is the run ID of a scheduled time, as the pods derive it.
func ScheduledRun(experiment string, scheduled time.Time) store.RunID {
	return store.RunID(experiment + "-" + scheduled.UTC().Format(scheduledForm))
}

// pods is how many pods do a step's shards.
func (c Config) pods(step *plan.Step) int { return min(step.Shards, max(c.Pods, 1)) }
