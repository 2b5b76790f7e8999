package llm

import "time"

// The states of a batch, in the words of OpenAI. A provider's own word that means
// none of them stands as it is, in lower case.
const (
	BatchValidating = "validating"
	BatchInProgress = "in_progress"
	BatchFinalizing = "finalizing"
	BatchCancelling = "cancelling"

	BatchFailed    = "failed" // its file was refused; nothing was asked
	BatchCompleted = "completed"
	BatchExpired   = "expired" // the answers that came in time are in its files
	BatchCancelled = "cancelled"
)

// A Batch is what a provider says of one in its Batch API.
type Batch struct {
	ID     string
	Mark   string // whatever Create was given
	Input  string // the ID of the file that it was made of
	Status string
	// Created and Deadline are zero where the provider does not say.
	Created, Deadline time.Time
	// Output and Errors are the IDs of its files; "" for none.
	Output, Errors string
	Problems       []Problem // of a failed one
	Total          int       // requests
	Completed      int       // with an answer
	Failed         int       // without
}

// Ended reports whether nothing more will come of the batch. One in a state that
// has no known name has ended when it names its answers.
func (b Batch) Ended() bool {
	switch b.Status {
	case BatchFailed, BatchCompleted, BatchExpired, BatchCancelled:
		return true
	}
	return !b.Known() && b.Output+b.Errors != ""
}

// Known reports whether the batch's state has a known name.
func (b Batch) Known() bool {
	switch b.Status {
	case BatchValidating, BatchInProgress, BatchFinalizing, BatchCancelling, BatchFailed, BatchCompleted, BatchExpired, BatchCancelled:
		return true
	}
	return false
}

// A Problem is why a batch's file was refused.
type Problem struct {
	Line int // from 1; 0 is the whole file
	Err  *Error
}

// A File is what a provider says of one that a batch is to be made of.
type File struct {
	ID     string
	State  FileState
	Reason string // the provider's words for the state
}

// A FileState says whether a batch can be made of a file.
type FileState int

// The states of a file.
const (
	FileUnknown FileState = iota // the provider does not say
	FilePending                  // not yet
	FileReady
	FileBroken // never
)
