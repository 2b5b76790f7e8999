// Package curate is the job that chooses which of the gym's rows are used: it
// leaves out near-duplicates and what the benchmark holds, balances verdicts and
// fills a quota for each domain.
package curate

import (
	"context"
	"errors"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
)

// Format is the version of this job's outputs.
const Format = 1

// Run is the job.
func Run(_ context.Context, t *job.Task) error {
	var params plan.Curate
	if err := t.Params(&params); err != nil {
		return err
	}
	return errors.New("not yet")
}
