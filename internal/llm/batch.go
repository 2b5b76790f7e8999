package llm

import "time"

// The statuses of a batch that has ended or will soon. The others are
// validating, in_progress and finalizing.
const (
	BatchCancelling = "cancelling"

	BatchFailed    = "failed" // its file was refused; nothing was asked
	BatchCompleted = "completed"
	BatchExpired   = "expired" // the answers that came in time are in its files
	BatchCancelled = "cancelled"
)

// A Batch is what a provider says of one in its Batch API.
type Batch struct {
	ID      string
	Mark    string // whatever Create was given
	Status  string
	Created time.Time
	// Output and Errors are the IDs of its files; "" for none.
	Output, Errors string
	Problems       []Problem // of a failed one
	Total          int       // requests
	Completed      int
}

// Ended reports whether nothing more will come of the batch.
func (b Batch) Ended() bool {
	switch b.Status {
	case BatchFailed, BatchCompleted, BatchExpired, BatchCancelled:
		return true
	}
	return false
}

// A Problem is why a batch's file was refused.
type Problem struct {
	Line int // from 1; 0 is the whole file
	Err  *Error
}
