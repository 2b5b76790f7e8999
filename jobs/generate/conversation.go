package generate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/rows"
)

// A conversation is what one role was told and has answered. It grows at its
// end, so that each request repeats the one before it as a prefix; where its
// history is bounded, it is cut at times.
type conversation struct {
	role    string // names the role in causes
	scene   string // what the first question opens with; "" is nothing
	chat    llm.Chatter
	draw    draws
	history *plan.History // nil keeps all
	head    int           // messages that are no exchange: the system text, and a summary with its question
	msgs    []llm.Message
}

// draws is what the requests of one session, or of one scene, are seeded with.
type draws struct {
	rng *rand.Rand
	// replicate tells apart the sessions of a scene, which start with the same text.
	replicate int
	repairs   int
}

func (d draws) converse(role string, chat llm.Chatter, system, scene string) *conversation {
	return &conversation{
		role: role, scene: scene, chat: chat, draw: d, head: 1,
		msgs: []llm.Message{{Role: llm.System, Content: system}},
	}
}

// ask puts one question and keeps it with its answer, as check left it. An
// answer that stays malformed, and a refused request, are a *failure, after which
// the conversation is over.
func ask[T any](ctx context.Context, c *conversation, question string, schema *llm.Schema, check func(*T) error) (*T, error) {
	if c.full() {
		if err := c.shorten(ctx); err != nil {
			return nil, err
		}
	}
	return exchange(ctx, c, question, schema, check)
}

// exchange is ask, whatever the length of the conversation. Requests share the
// messages that they have in common: what was sent is never written again.
func exchange[T any](ctx context.Context, c *conversation, question string, schema *llm.Schema, check func(*T) error) (*T, error) {
	if len(c.msgs) == 1 {
		question = prompt.Open(c.scene, question)
	}
	c.msgs = append(c.msgs, llm.Message{Role: llm.User, Content: question})
	req := &llm.Request{Messages: slices.Clip(c.msgs), Schema: schema, Replicate: c.draw.replicate}
	req.Seed = c.draw.rng.Uint64() >> 11 // below 2^53, which JSON holds exactly
	v, err := llm.Ask(ctx, c.chat, req, c.draw.repairs, check)
	if err != nil {
		return nil, c.failed(schema.Name, err)
	}
	c.msgs = append(c.msgs, llm.Message{Role: llm.Assistant, Content: prompt.Encode(v)})
	return v, nil
}

// A failure ends a row, not the run.
type failure struct {
	rows.Failure
	err error
}

func (f *failure) Error() string { return f.Cause + ": " + f.Detail }
func (f *failure) Unwrap() error { return f.err }

// failed tells errors that end a row from those that end the run: a provider
// that is out of reach or denies access fails every row alike.
func (c *conversation) failed(schema string, err error) error {
	if m, ok := errors.AsType[*llm.Malformed](err); ok {
		cause := fmt.Sprintf("%s: no valid %s", c.role, schema)
		return &failure{rows.Failure{Role: c.role, Schema: schema, Cause: cause, Detail: m.Err.Error(), Raw: m.Raw}, err}
	}
	if e, ok := errors.AsType[*llm.Error](err); ok && e.Class == llm.Refused {
		what := "the request was refused"
		if e.Silent() {
			what = "no answer"
		}
		cause := strings.TrimSpace(fmt.Sprintf("%s: %s: HTTP %d %s", c.role, what, e.Status, e.Code))
		return &failure{rows.Failure{Role: c.role, Schema: schema, Cause: cause, Detail: err.Error()}, err}
	}
	return fmt.Errorf("%s: %w", c.role, err)
}
