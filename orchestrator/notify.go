package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/fault"
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

// tellSealed tells how a workflow's run ended, from its records, and says in the pod's log
// what its gate finds. What hinders that is said, and the run stays as it is sealed. The
// event is its last.
func tellSealed(ctx context.Context, edge *cli.Edge, st *store.Store, head run.Head) (ended progress.Event) {
	ended = progress.Event{Type: progress.RunEnded, Run: string(head.ID), State: head.State}
	how, err := run.ExecutionOf(head.Run)
	if err != nil {
		edge.PrintError(err)
		return ended
	}
	asOf := ""
	if s := head.Summary; s != nil {
		asOf = s.AsOf
		ended.Scores = scoresOf(s)
	}
	switch {
	case head.State == store.Failed && len(head.Failures) > 0:
		ended = ended.Because(run.Failed(head.ID, head.Failures[0]))
	case head.State == store.Succeeded:
		if _, err := passGate(ctx, st, edge.Now(), &ended); err != nil && ended.Gate == nil {
			edge.PrintError(err)
		}
	}
	if g := ended.Gate; g != nil {
		fmt.Fprintln(edge.Stdout, g.Sentence)
	}
	if n := notify.Ended(head.Experiment, ended); n != nil {
		n.Opened, n.AsOf = head.Created, asOf
		tell(ctx, edge, how.Notify, n)
	}
	return ended
}

func scoresOf(s *run.Summary) (list []progress.Score) {
	if s.Scores == nil {
		return nil
	}
	for _, c := range s.Scores.Candidates {
		list = append(list, progress.Score{Candidate: c.Name, F1: c.F1, F1CI: c.F1CI, Recall: c.Recall, Precision: c.Precision})
	}
	return list
}

// tellUnopened tells that a workflow failed before its run was there.
func tellUnopened(ctx context.Context, edge *cli.Edge, st *store.Store, id store.RunID, draft store.Digest, asOf string) {
	d, err := run.ReadDraft(ctx, st, draft)
	var how run.Execution
	if err == nil {
		how, err = d.Execution()
	}
	if err != nil {
		edge.PrintError(fmt.Errorf("webhooks were not told that run %s could not be opened: %w", id, err))
		return
	}
	tell(ctx, edge, how.Notify, &notify.Notice{
		Kind: notify.Failed, Experiment: d.Experiment(), AsOf: asOf, Opened: string(id), State: store.Failed, ExitCode: fault.Temporary,
		Sentence: fmt.Sprintf("the workflow %s failed before its run was opened", id), Hint: fmt.Sprintf("'gymline status %s' shows what the cluster says of it", id),
	})
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
