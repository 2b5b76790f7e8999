// Package rows is the row ledger: every row that a stage planned ends in
// exactly one state, with its cause, so that nothing vanishes unexplained.
package rows

import "fmt"

// A State is how a row ended.
type State string

// The four ends a row can have.
const (
	Accepted  State = "accepted"  // used in full
	Rejected  State = "rejected"  // left out on purpose; Cause says why
	Failed    State = "failed"    // could not be made; Cause says why
	Truncated State = "truncated" // used, but cut at a limit; Cause names it
)

// A Row is one planned row of a stage and how it ended.
type Row struct {
	Stage string `json:"stage"` // the step's name
	ID    string `json:"id"`    // unique within the stage
	State State  `json:"state"`
	Cause string `json:"cause,omitempty"` // required unless accepted
	// Yields is how many rows the next stages receive from this one.
	Yields int `json:"yields"`
}

// A Failure is what a model gave, or refused, where a row or a part of it could not
// be made: it is told in full, and ends no run.
type Failure struct {
	ID     string `json:"id"` // of the row
	Role   string `json:"role"`
	Schema string `json:"schema,omitempty"` // of the answer that was asked for
	Cause  string `json:"cause"`            // short and the same for the same defect, so that rows group by it
	Detail string `json:"error"`
	Raw    string `json:"raw,omitempty"` // the last answer, when there was one
}

// Counts sums a stage's rows. Planned = Accepted+Rejected+Failed+Truncated.
type Counts struct {
	Stage     string         `json:"stage"`
	Planned   int            `json:"planned"`
	Accepted  int            `json:"accepted"`
	Rejected  int            `json:"rejected"`
	Failed    int            `json:"failed"`
	Truncated int            `json:"truncated"`
	Yields    int            `json:"yields"`
	Causes    map[string]int `json:"causes,omitempty"` // rows by cause
}

// Add counts one row; it refuses a row with no known state or without a cause.
func (c *Counts) Add(r Row) error {
	switch r.State {
	case Accepted:
		c.Accepted++
	case Rejected:
		c.Rejected++
	case Failed:
		c.Failed++
	case Truncated:
		c.Truncated++
	default:
		return fmt.Errorf("row %s/%s: unknown state %q", r.Stage, r.ID, r.State)
	}
	if r.State != Accepted && r.Cause == "" {
		return fmt.Errorf("row %s/%s is %s without a cause", r.Stage, r.ID, r.State)
	}
	if r.Cause != "" {
		if c.Causes == nil {
			c.Causes = map[string]int{}
		}
		c.Causes[r.Cause]++
	}
	c.Planned++
	c.Yields += r.Yields
	return nil
}
