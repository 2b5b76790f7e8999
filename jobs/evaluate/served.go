package evaluate

import (
	"context"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/served"
)

// checkpointInput is the checkpoint that a candidate's model should be.
const checkpointInput = "checkpoint"

// serves asks the candidate's server what it serves, and keeps how that agrees with the
// checkpoint. What it says, or that it says nothing, ends no run: the answers are its own.
func (p *prediction) serves(ctx context.Context) error {
	if !p.task.Has(checkpointInput) || p.candidate.Model.Simulated() {
		return nil
	}
	var c plan.Checkpoint
	if err := p.task.ReadJSON(ctx, checkpointInput, &c); err != nil {
		return err
	}
	files, err := p.task.TreeFiles(ctx, c.Tree)
	if err != nil {
		return err
	}
	why := "what the server serves, which was not asked"
	said, err := p.task.List(ctx, *p.candidate.Model)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		why = "what the server serves: it does not say (" + err.Error() + ")"
	}
	p.task.Served(served.Check(p.candidate.Model.Model, said, why, c, files))
	return nil
}
