package cli

import (
	"testing"

	"github.com/gymline/gymline/internal/llm"
)

// The batch that is waited for is named, with how far it is; a provider's words
// stay on their line.
func TestBatchesOf(t *testing.T) {
	for want, b := range map[string]llm.Batches{
		"waiting for a batch (sending its file), 0 of 40 done":              {Open: 1, Requests: 40, State: "sending its file"},
		"waiting for batch b_1 (in_progress), 3 of 40 done":                 {Open: 1, Requests: 40, Done: 3, Oldest: "b_1", State: "in_progress"},
		"waiting for batch b_1, 0 of 40 done":                               {Open: 1, Requests: 40, Oldest: "b_1"},
		"waiting for 3 batches, first b_1 (completed), 1,003 of 1,200 done": {Open: 3, Requests: 1200, Done: 1003, Oldest: "b_1", State: "completed"},
		"waiting for 2 batches, 0 of 2 done":                                {Open: 2, Requests: 2},
		`waiting for batch b\n1 (in\npredict: succeeded), 0 of 1 done`:      {Open: 1, Requests: 1, Oldest: "b\n1", State: "in\npredict: succeeded"},
	} {
		if got := batchesOf(b); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
