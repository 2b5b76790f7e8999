// Package progress is the one stream of events that a run gives off. Jobs write
// it as JSON lines; the terminal and JSON printers both read it.
package progress

import (
	"encoding/json"
	"io"
	"sync"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
)

// Types of event.
const (
	InputRead   = "input-read"   // Input, Done, Total: of its files
	InputStored = "input-stored" // Input, Done, Total: of its files that the store lacked
	InputUnread = "input-unread" // Input, Files: of its files, and hidden folders, that no step reads
	RunOpened   = "run-opened"   // Run, Experiment, Steps, and where somebody is asked anew: Anew, AsOf
	StepState   = "step-state"   // Step, Shard, State, Attempt, and with Retrying and Failed: Cause, Hint, ExitCode
	Progress    = "progress"     // Step, Shard, Answered, Done, Total, Failed, Usage, Simulated, Errors, InFlight, Waiting, Batches
	RunEnded    = "run-ended"    // Run, State, Report, Scores, Gate with its ExitCode, and unless Succeeded: Cause, Hint, ExitCode
)

// States of a step's shard.
const (
	Running   = "Running"
	Retrying  = "Retrying"
	Reused    = "Reused"
	Succeeded = "Succeeded"
	Failed    = "Failed"
	Cancelled = "Cancelled"
)

// An Event is one line of the stream; Type says which fields are set, and
// docs/watching.md has them all for readers.
type Event struct {
	Type       string     `json:"type"`
	Run        string     `json:"run,omitempty"`
	Experiment string     `json:"experiment,omitempty"` // its name
	Input      string     `json:"input,omitempty"`      // a named input of the experiment
	Files      []string   `json:"files,omitempty"`      // paths in it
	Step       string     `json:"step,omitempty"`
	Shard      int        `json:"shard,omitempty"`
	State      string     `json:"state,omitempty"`
	Attempt    int        `json:"attempt,omitempty"`
	Answered   int64      `json:"answered,omitempty"` // rows that were answered, ended or not
	Done       int64      `json:"done,omitempty"`     // rows that ended, or files
	Total      int64      `json:"total,omitempty"`    // rows planned, or files; 0 while unknown
	Failed     int64      `json:"failed,omitempty"`
	Usage      *llm.Usage `json:"usage,omitempty"` // so far, of this shard's attempt
	// Errors are the attempt's failed calls so far, which retries hide.
	Errors   *llm.Errors `json:"errors,omitempty"`
	InFlight int64       `json:"inFlight,omitempty"` // calls sent and not answered, now
	Waiting  int64       `json:"waiting,omitempty"`  // calls held back by limits, now
	// Batches are those that the process waits for now.
	Batches *llm.Batches `json:"batches,omitempty"`
	// Simulated is set when a stand-in answered.
	Simulated bool        `json:"simulated,omitempty"`
	ExitCode  int         `json:"exitCode,omitempty"`
	Cause     string      `json:"cause,omitempty"`
	Hint      string      `json:"hint,omitempty"`
	Steps     []StepShape `json:"steps,omitempty"`
	Anew      []string    `json:"anew,omitempty"`     // whose models are asked anew
	AsOf      string      `json:"asOf,omitempty"`     // the occasion
	Warnings  []string    `json:"warnings,omitempty"` // with RunEnded: what its results do not say by themselves
	Report    string      `json:"report,omitempty"`   // with RunEnded: the HTML report's path
	Scores    []Score     `json:"scores,omitempty"`   // with RunEnded: of the candidates
	Gate      *Gate       `json:"gate,omitempty"`     // with RunEnded, where the experiment has one and the run succeeded
}

// A Score is how good a candidate was, in [0,1].
type Score struct {
	Candidate string      `json:"candidate"`
	F1        float64     `json:"f1"`
	F1CI      *[2]float64 `json:"f1CI,omitempty"`
	Recall    float64     `json:"recall"`
	Precision float64     `json:"precision"`
}

// A Gate says whether a run is as good as it must be.
type Gate struct {
	Passed   bool   `json:"passed"`
	Sentence string `json:"sentence"`
}

// Because returns the event with why what it tells of came to be.
func (e Event) Because(err error) Event {
	e.Cause, e.Hint, e.ExitCode = err.Error(), fault.Hint(err), fault.Code(err)
	return e
}

// A StepShape announces a step of a run.
type StepShape struct {
	Step   string `json:"step"`
	Shards int    `json:"shards"`
}

// A Sink takes events. Implementations are safe for concurrent use.
type Sink interface{ Emit(Event) }

// JSON is a Sink that writes one line an event.
type JSON struct {
	mu  sync.Mutex
	w   io.Writer
	err error
}

// NewJSON returns a Sink that writes to w.
func NewJSON(w io.Writer) *JSON { return &JSON{w: w} }

// Emit writes the event. A failed write does not stop the work: Err tells of it.
func (j *JSON) Emit(e Event) {
	line, err := json.Marshal(e)
	j.mu.Lock()
	defer j.mu.Unlock()
	if err == nil {
		_, err = j.w.Write(append(line, '\n'))
	}
	if j.err == nil {
		j.err = err
	}
}

// Err returns the first failure to write an event.
func (j *JSON) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}
