package llm

// Traffic is what goes on below a process's retries: what is under way now, and
// how many calls failed so far, tried again or not.
type Traffic struct {
	InFlight int64 // sent, not answered
	Waiting  int64 // held back by limits
	Errors   Errors
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
