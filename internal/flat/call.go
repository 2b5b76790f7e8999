package flat

import (
	"context"
	"fmt"
	"time"

	"github.com/gymline/gymline/internal/calls"
	"github.com/gymline/gymline/internal/store"
)

// A Call is a row of the table calls: one request to a model and what came of it.
type Call struct {
	Run              store.RunID `json:"run" doc:"the run"`
	Row              string      `json:"row" doc:"what it was asked for: an event of the benchmark, a turn, a session or a scene of the gym"`
	Step             string      `json:"step" doc:"the step that asked"`
	Shard            int         `json:"shard" doc:"the step's shard, from 0"`
	Role             string      `json:"role" doc:"the part that the model played"`
	Repair           *int        `json:"repair" doc:"how often an answer had been sent back before, with the reason"`
	Key              string      `json:"key" doc:"the first 16 digits of the exchange's key in the ledger"`
	Model            string      `json:"model" doc:"the model's name in the experiment"`
	Provider         string      `json:"provider" doc:"its provider"`
	Asked            *string     `json:"asked" doc:"the model that was asked for"`
	AnsweredBy       *string     `json:"answeredBy" doc:"the model that answered, as its provider named it, and behind @ its fingerprint where it gave one"`
	AsOf             *string     `json:"asOf" doc:"the occasion that it was asked anew for"`
	Time             *string     `json:"time" doc:"when it was recorded first, by whatever run: RFC 3339, UTC"`
	ElapsedMS        *int        `json:"elapsedMs" doc:"milliseconds from asking to the answer, waits and retries included"`
	Tries            *int        `json:"tries" doc:"how often it was sent"`
	PromptTokens     *int        `json:"promptTokens" doc:"tokens of the request"`
	CachedTokens     *int        `json:"cachedTokens" doc:"how many of them the provider had cached"`
	CompletionTokens *int        `json:"completionTokens" doc:"tokens of the answer"`
	USD              *float64    `json:"usd" doc:"what it cost when it was asked, at the run's price; none without one"`
	Redacted         *int        `json:"redacted" doc:"how many values placeholders in the request stand for"`
	FinishReason     *string     `json:"finishReason" doc:"why the answer ended"`
	Refused          *string     `json:"refused" doc:"what the provider said in place of an answer"`
	Answer           *string     `json:"answer" doc:"the raw answer"`
	Simulated        bool        `json:"simulated" doc:"a stand-in answered: it is not recorded, and 'gymline calls' shows it"`
}

func callsOf(ctx context.Context, st *store.Store, id store.RunID, fn func(any) error) error {
	return calls.Each(ctx, st, id, func(c *calls.Call) error { return fn(callOf(id, c)) })
}

func callOf(id store.RunID, c *calls.Call) Call {
	row := Call{
		Run: id, Row: c.Row, Step: string(c.Step), Shard: c.Shard, Role: c.Role, Key: c.Short(),
		Model: c.Model.Name, Provider: c.Model.Provider, Asked: present(c.Model.Model), AnsweredBy: present(c.Reported),
		AsOf: present(c.Model.AsOf), FinishReason: present(c.Finish), Answer: c.Answer, Simulated: c.Model.Simulated(),
	}
	if c.At == nil {
		return row
	}
	at, elapsed, tries, redacted := c.At.Format(time.RFC3339), int(c.ElapsedMS), max(c.Tries, 1), 0
	for _, n := range c.Redacted {
		redacted += n
	}
	row.Time, row.ElapsedMS, row.Repair, row.Redacted = &at, &elapsed, &c.Repair, &redacted
	if u := c.Usage; u != nil {
		prompt, cached, completion := int(u.Prompt), int(u.Cached), int(u.Completion)
		row.Tries, row.PromptTokens, row.CachedTokens, row.CompletionTokens = &tries, &prompt, &cached, &completion
		if u.USD > 0 {
			row.USD = &u.USD
		}
	}
	if r := c.Refused; r != nil {
		said := fmt.Sprintf("HTTP %d %s %s", r.Status, r.Code, r.Message)
		row.Refused = &said
	}
	return row
}
