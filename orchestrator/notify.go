package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/notify"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// webhooks are those of a profile, as a run knows them.
func webhooks(p *experiment.Profile) (hooks []notify.Webhook) {
	for _, n := range p.Spec.Notify {
		h := notify.Webhook{Format: n.Format, URLEnv: n.URL.Env, On: n.On}
		if n.Secret != nil {
			h.SecretEnv = n.Secret.Env
		}
		hooks = append(hooks, h)
	}
	return hooks
}

func sender(edge *cli.Edge) notify.Sender {
	return notify.Sender{Getenv: edge.Getenv, Now: edge.Now, Sleep: notify.Sleep}
}

// tell sends a notice. Whom it does not reach is said, and nothing else comes of it.
func tell(ctx context.Context, edge *cli.Edge, hooks []notify.Webhook, n *notify.Notice) {
	if n == nil || len(hooks) == 0 {
		return
	}
	n.At = edge.Now()
	if err := sender(edge).Send(ctx, hooks, n); err != nil {
		edge.PrintError(err)
	}
}

// tellEnd tells how a run of this process ended, or that none could be opened.
func (p *prepared) tellEnd(ctx context.Context, edge *cli.Edge, ended progress.Event) {
	n := notify.Ended(p.Metadata.Name, ended)
	if n == nil {
		return
	}
	n.Opened = store.Stamp(p.began)
	if p.plan != nil && p.plan.Anew != nil {
		n.AsOf = p.plan.Anew.AsOf
	}
	tell(ctx, edge, p.how.Notify, n)
}

// tellWaiting tells that a run waits for a checkpoint from outside, unless it is there.
// What hinders that is said, and the job goes on.
func tellWaiting(ctx context.Context, edge *cli.Edge, st *store.Store, id store.RunID, step store.StepName) {
	n, hooks, err := waitsFor(ctx, st, id, step)
	if err != nil {
		edge.PrintError(fmt.Errorf("webhooks were not told that %s waits: %w", step, err))
		return
	}
	tell(ctx, edge, hooks, n)
}

// waitsFor is what to tell of a step that may wait; nil: it does not.
func waitsFor(ctx context.Context, st *store.Store, id store.RunID, step store.StepName) (*notify.Notice, []notify.Webhook, error) {
	head, err := run.ReadHead(ctx, st, id)
	if err != nil {
		return nil, nil, err
	}
	how, err := run.ExecutionOf(head.Run)
	if err != nil || len(how.Notify) == 0 {
		return nil, nil, err
	}
	p, err := run.ReadPlan(ctx, st, id)
	if err != nil {
		return nil, nil, err
	}
	if s := p.Step(step); s == nil || !external(s) {
		return nil, nil, nil
	}
	if there, err := run.There(ctx, st, id, step); err != nil || there {
		return nil, nil, err
	}
	name := plan.TrainingOf(step)
	n := &notify.Notice{
		Kind: notify.Waiting, Run: string(id), Experiment: head.Experiment, Opened: head.Created + " " + string(step),
		Sentence: fmt.Sprintf("waits for the checkpoint %s", name), Hint: fmt.Sprintf("'gymline fetch %s finetune-export DIR' has the export; 'gymline checkpoint put %s %s DIR' puts the checkpoint", id, id, name),
	}
	if p.Anew != nil {
		n.AsOf = p.Anew.AsOf
	}
	return n, how.Notify, nil
}

// external reports whether somebody outside does a step.
func external(s *plan.Step) bool {
	var t plan.Train
	return s.Job == plan.JobTrain && json.Unmarshal(s.Params, &t) == nil && t.Kind == plan.TrainExternal
}
