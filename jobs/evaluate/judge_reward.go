package evaluate

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rewardmodel"
	"github.com/gymline/gymline/internal/trace"
)

// modelInput is the reward model that the step reward trained.
const modelInput = "model"

// rewardModel judges by the trained model, at its own threshold.
func (p *prediction) rewardModel(ctx context.Context) (judge, error) {
	r, err := p.task.Open(ctx, modelInput)
	if err != nil {
		return nil, fmt.Errorf("the judge is the reward model, and %w", err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", plan.ModelOutput, err)
	}
	model, err := rewardmodel.Load(data)
	if err != nil {
		return nil, err
	}
	p.simulated = p.simulated || model.Training.Simulated
	p.trained = model
	// One scorer a trace takes each of its events apart once.
	scorers, locks := make([]*rewardmodel.Scorer, len(p.traces)), make([]sync.Mutex, len(p.traces))
	for i := range scorers {
		scorers[i] = model.Scorer()
	}
	return func(_ context.Context, i, _, _ int, history []trace.Event, task *string) (*trace.Judgement, error) {
		locks[i].Lock()
		defer locks[i].Unlock()
		v := scorers[i].Score(history, task)
		return &trace.Judgement{Accepted: v.Accepted, Score: &v.Score, Reason: v.Reason}, nil
	}, nil
}
