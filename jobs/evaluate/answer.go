package evaluate

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/trace"
)

func (p *prediction) readAnswers(ctx context.Context) error {
	from := p.candidate.Recorded
	files, err := p.task.Files(from.Input)
	if err != nil {
		return err
	}
	if p.recorded, err = trace.ReadRecorded(ctx, files, from.Path, p.traces); err != nil {
		return fmt.Errorf("input %s: %w", from.Input, err)
	}
	patience := p.task.Patience(p.events)
	for i, answers := range p.recorded {
		for j, a := range answers {
			p.ends[i][j].unanswered = !a.Answered
			cause := ""
			if a.Unusable != nil {
				cause = causeOddEntry
				p.fail(i, j, "candidate", cause, a.Unusable)
				p.ends[i][j].unusable = true
			}
			if err := patience.Ended(p.first[i]+j, p.id(i, j), cause, a.Unusable); err != nil {
				return err
			}
			if len(a.Tasks) > 0 {
				p.traces[i].Turns[j].Proposals = a.Tasks
			}
		}
	}
	return nil
}

// ask has a model answer every event: traces side by side, each in order.
func (p *prediction) ask(ctx context.Context) error {
	chat, err := p.task.Chat(ctx, "candidate", *p.candidate.Model)
	if err != nil {
		return err
	}
	k := max(1, p.params.Tasks)
	schema := prompt.AgentSchema(k)
	patience := p.task.Patience(p.events)
	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(max(1, p.task.InFlight))
	for i := range p.traces {
		group.Go(func() error {
			chat := p.answered[i].of(p.candidate.Model, chat)
			for j := range p.traces[i].Turns {
				cause, err := p.answer(asking, chat, schema, i, j, k)
				if err != nil && cause == "" {
					return fmt.Errorf("%s: %w", trace.TurnID(p.traces[i].ID, j), err)
				}
				p.task.Answered()
				if err := patience.Ended(p.first[i]+j, p.id(i, j), cause, err); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return p.serves(ctx) // a server that answered has loaded its model
}

// answer has the model answer one event. An agent whose answer stays unusable
// made no proposal: the turn is silence, and counted as failed, for the cause
// that comes with the error.
func (p *prediction) answer(ctx context.Context, chat llm.Chatter, schema *llm.Schema, i, j, k int) (cause string, err error) {
	turns := p.traces[i].Turns
	ctx, asked := job.Asking(ctx)
	defer func() { p.ends[i][j].calls = asked.Calls(0) }()
	reply, err := llm.Ask(ctx, chat, &llm.Request{
		Messages: prompt.AgentHistory(p.candidate.Prompt, turns, firstTurn(j, p.params.History), j, k), Schema: schema, Seed: p.seed("agent", i, j), Replicate: p.params.Repeat,
	}, p.params.Repairs, func(r *prompt.AgentReply) error { return r.Check(k) })
	if err != nil {
		if cause = unusable(err, causeMalformed, causeRefused, causeSilent); cause != "" {
			p.fail(i, j, "candidate", cause, err)
			p.ends[i][j].unusable = true
		}
		return cause, err
	}
	turns[j].Proposals = reply.Proposals()
	return "", nil
}

// firstTurn is where the conversation on turn j starts that keeps at least exchanges
// turns before it: cut like the gym's, so that between two cuts it only grows at
// its end. 0 keeps all.
func firstTurn(j, exchanges int) int {
	if exchanges == 0 || j < 2*exchanges {
		return 0
	}
	return (j/exchanges - 1) * exchanges
}

// unusable returns the cause of an error that ends a row and not the step, or "".
func unusable(err error, malformed, refused, silent string) string {
	if _, ok := errors.AsType[*llm.Malformed](err); ok {
		return malformed
	}
	if e, ok := errors.AsType[*llm.Error](err); ok && e.Class == llm.Refused {
		if e.Silent() {
			return silent
		}
		return refused
	}
	return ""
}

// seed is of one event and part, the same for every candidate, so that one
// proposal gets the same verdict from every candidate.
func (p *prediction) seed(part string, i, j int, more ...string) uint64 {
	at := append([]string{part, p.traces[i].ID, strconv.Itoa(j)}, more...)
	return p.task.Rand(at...).Uint64N(1 << 53)
}
