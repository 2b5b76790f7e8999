// Package statistics sums up a run from its records: what each step took and
// used, and what became of its rows. Of a run that failed, was cut off or is
// under way it says what is known.
//
// Records are of finished shards, and of the last attempt of those that failed:
// what earlier attempts used is in none, and what a reused shard used was used by
// an earlier run.
package statistics

import (
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

// A Run is what is known of a run.
type Run struct {
	Run        store.RunID  `json:"run"`
	Experiment string       `json:"experiment"`
	Digest     store.Digest `json:"experimentDigest"`
	State      string       `json:"state"` // the seal's, run.Unsealed or run.Unreadable
	Created    string       `json:"created"`
	Finished   string       `json:"finished,omitempty"` // when it was sealed
	// Damage is what could not be read, and is left out; nil: nothing.
	Damage error `json:"-"`
	// Seconds is from the run's opening to its seal, or to the last record.
	Seconds float64 `json:"seconds"`
	// Used by this run, and Before by the earlier runs whose work it reused.
	Used   llm.Usage `json:"used"`
	Before llm.Usage `json:"before"`
	// Redacted counts the calls of both whose request was redacted; nil: none was.
	Redacted *llm.Redacted `json:"redacted,omitempty"`
	Steps    []Step        `json:"steps"` // in the plan's order
	Failures []Failure     `json:"failures,omitempty"`
	// Models are those that its steps ask.
	Models []Model `json:"models,omitempty"`
	// Served are what servers said of trained models, by what asked them.
	Served []Served `json:"served,omitempty"`
	// Prompts are the experiment's own texts.
	Prompts []plan.Prompt `json:"prompts,omitempty"`
	Gym     *trace.Stats  `json:"gym,omitempty"` // of the shards of generate that are done
}

// Served is what the server of a trained model said as a shard began.
type Served struct {
	Step  store.StepName `json:"step"`
	Shard int            `json:"shard"`
	*llm.Served
}

// A Failure is why a shard failed, and how far its last attempt came, as far as
// it told: rows that ended, of those planned, and what they used.
type Failure struct {
	store.Failure
	Planned    int64     `json:"planned"`
	Ended      int64     `json:"ended"`
	FailedRows int64     `json:"failedRows"`
	Used       llm.Usage `json:"used"`
}

// A Step sums up a step's shards.
type Step struct {
	Step   store.StepName `json:"step"`
	Shards []Shard        `json:"shards"`
	Done   int            `json:"done"`   // shards with a record
	Reused int            `json:"reused"` // among them, found by their work key
	Failed int            `json:"failed"`
	// Seconds is from the first start to the last end of the shards worked on.
	Seconds float64   `json:"seconds"`
	Used    llm.Usage `json:"used"`
	Before  llm.Usage `json:"before"`
	// Roles are the parts of Used and Before together, by who was played.
	Roles map[string]llm.Usage `json:"roles,omitempty"`
	// Rows is nil where the step has no row ledger, or no shard of it is done.
	Rows   *Rows   `json:"rows,omitempty"`
	Causes []Cause `json:"causes,omitempty"` // the most frequent first
}

// A Shard is one shard: times are in seconds since the run's opening.
type Shard struct {
	State  string    `json:"state"` // Succeeded, Failed or Pending
	Reused bool      `json:"reused"`
	Start  float64   `json:"start"`
	End    float64   `json:"end"`
	Usage  llm.Usage `json:"usage"` // of the first time, when it was reused
}

// The states of a shard.
const (
	Succeeded = store.Succeeded
	Failed    = store.Failed
	Pending   = run.Pending
)

// Rows counts a step's rows by how they ended, and what an accepted one took,
// reused work included; nil where none was accepted.
type Rows struct {
	Planned           int      `json:"planned"`
	Accepted          int      `json:"accepted"`
	Rejected          int      `json:"rejected"`
	Truncated         int      `json:"truncated"`
	Failed            int      `json:"failed"`
	USDPerAccepted    *float64 `json:"usdPerAccepted,omitempty"`
	TokensPerAccepted *float64 `json:"tokensPerAccepted,omitempty"`
}

// A Cause is why rows were not simply accepted.
type Cause struct {
	State rows.State `json:"state"`
	Cause string     `json:"cause"`
	Rows  int        `json:"rows"`
}
