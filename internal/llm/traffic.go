package llm

// Traffic is what goes on below a process's retries: what is under way now, and
// how many calls failed so far, tried again or not.
type Traffic struct {
	InFlight int64 // sent, not answered
	Waiting  int64 // held back by limits
	Errors   Errors
	Batches  Batches
}

// Batches are those that a process waits for.
type Batches struct {
	Open     int64 `json:"open"`
	Requests int64 `json:"requests"` // in them
	Done     int64 `json:"done"`     // of these, as the provider counts
	// Oldest is the provider's ID of the one that is waited for longest, "" until it
	// has one, and State is how that stands.
	Oldest string `json:"oldest"`
	State  string `json:"state"`
}

// Add sums two counts; the oldest is b's, if it has any.
func (b Batches) Add(c Batches) Batches {
	sum := Batches{b.Open + c.Open, b.Requests + c.Requests, b.Done + c.Done, b.Oldest, b.State}
	if b.Open == 0 {
		sum.Oldest, sum.State = c.Oldest, c.State
	}
	return sum
}

// Errors counts failed calls by kind.
type Errors struct {
	RateLimited int64 `json:"rateLimited,omitempty"` // status 429
	Server      int64 `json:"server,omitempty"`      // status 5xx
	Timeout     int64 `json:"timeout,omitempty"`     // no answer in time, or status 408
	Other       int64 `json:"other,omitempty"`       // no connection, a body cut in half, …
	Refused     int64 `json:"refused,omitempty"`     // the request or its key is at fault: not tried again
}

// Add sums two counts.
func (e Errors) Add(f Errors) Errors {
	return Errors{e.RateLimited + f.RateLimited, e.Server + f.Server, e.Timeout + f.Timeout, e.Other + f.Other, e.Refused + f.Refused}
}

// Sub is what came since f.
func (e Errors) Sub(f Errors) Errors {
	return Errors{e.RateLimited - f.RateLimited, e.Server - f.Server, e.Timeout - f.Timeout, e.Other - f.Other, e.Refused - f.Refused}
}

// Passing are the failures that another try may mend.
func (e Errors) Passing() int64 { return e.RateLimited + e.Server + e.Timeout + e.Other }
