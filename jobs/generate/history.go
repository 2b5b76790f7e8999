package generate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/trace"
)

// full tells whether the conversation has to be cut before anything is asked:
// twice what stays at a cut, so that between two cuts prompts only grow at their
// end and a provider's prefix cache keeps serving.
func (c *conversation) full() bool {
	return c.history != nil && len(c.msgs)-c.head >= 2*2*c.history.Exchanges
}

// cut drops the older exchanges. The system text stays, then comes opening in
// place of what goes; the scene opens what is first now.
func (c *conversation) cut(opening ...llm.Message) {
	kept := c.msgs[len(c.msgs)-2*c.history.Exchanges:]
	c.msgs = slices.Concat(c.msgs[:1], opening, kept)
	c.msgs[1].Content = prompt.Open(c.scene, c.msgs[1].Content)
	c.head = 1 + len(opening)
}

var summarySchema = prompt.Schema("summary", `{
	"type": "object",
	"properties": {"summary": {"type": "string"}},
	"required": ["summary"], "additionalProperties": false
}`)

// shorten makes room. With summaries, the model sums up first, at the end of the
// conversation as it is; question and answer then open what is left of it, so
// that questions and answers still take turns.
func (c *conversation) shorten(ctx context.Context) error {
	if c.history.Keep != plan.HistorySummary {
		c.cut()
		return nil
	}
	_, err := exchange(ctx, c, summaryQuestion(c.history.Exchanges), summarySchema, func(s *prompt.Summary) error {
		if s.Summary = trace.OneLine(s.Summary); s.Summary == "" {
			return errors.New(`"summary" is empty`)
		}
		return nil
	})
	if err != nil {
		return err
	}
	said := len(c.msgs) - 2
	opening := slices.Clone(c.msgs[said:])
	c.msgs = c.msgs[:said:said]
	c.cut(opening...)
	return nil
}

func summaryQuestion(exchanges int) string {
	return fmt.Sprintf(`You are about to forget this conversation, but for the instructions at its start and `+prompt.Newest+`%d questions with their answers. Note what you must remember of the rest, and of any earlier note: what has been done and offered, what came of it, how things are now, what is still to do. Answer {"summary": …}: at most ten sentences.`, exchanges)
}
