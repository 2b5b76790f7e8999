// Package llm is chat with a language model behind one small interface.
// Providers (openai, sim, recorded) implement it; limiting, retrying, recording
// and metering are wrappers of the same interface.
package llm

import (
	"context"
	"encoding/json"
	"time"
)

// A Chatter answers chat requests. It is safe for concurrent use.
//
// An error is an *Error when the provider answered or could not be reached;
// other errors are ctx.Err() or a defect.
type Chatter interface {
	Chat(ctx context.Context, req *Request) (*Response, error)
}

// Roles of a message.
const (
	System    = "system"
	User      = "user"
	Assistant = "assistant"
)

// SimVersion is the version of the sim's rules and texts, which its answers
// depend on: raise it with any change to them.
const SimVersion = 1

// A Message is one turn of a conversation.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// A Schema asks for an answer that is JSON of this shape.
type Schema struct {
	Name   string          `json:"name"` // "scene", "activity", …: also tells a sim which part it plays
	Schema json.RawMessage `json:"schema"`
}

// A Request is everything that an answer may depend on, besides the model.
// Messages are laid out for prefix caching: fixed text first, history
// append-only, what changes last.
type Request struct {
	Messages []Message `json:"messages"`
	Schema   *Schema   `json:"schema,omitempty"`
	// Replicate tells apart requests that want independent answers to the same text.
	Replicate int `json:"replicate,omitempty"`
	// Seed is best effort with real providers, and exact with sim. It is below 2^53.
	Seed uint64 `json:"seed,omitempty"`
}

// A Response is a model's answer.
type Response struct {
	Content      string `json:"content"`
	FinishReason string `json:"finishReason"` // "stop", "length", …
	Model        string `json:"model"`        // what the provider says answered
	Usage        Usage  `json:"usage"`
	// Rate is what the provider said of its limits beside the answer; nil when
	// it said nothing. It is never recorded.
	Rate *Rate `json:"-"`
}

// Rate is what a provider says of its limits (x-ratelimit-*).
type Rate struct{ Requests, Tokens Window }

// A Window is one limit: so many a minute, of which so many are left until the
// window starts again, in Reset. What the provider did not say is negative.
type Window struct {
	Limit, Remaining int
	Reset            time.Duration
}

// Usage counts tokens and calls.
type Usage struct {
	Calls      int64 `json:"calls"`
	Prompt     int64 `json:"promptTokens"`
	Cached     int64 `json:"cachedTokens"` // of Prompt, read from the provider's prefix cache
	Completion int64 `json:"completionTokens"`
	// Replayed counts the calls among Calls that the ledger answered.
	Replayed int64 `json:"replayedCalls"`
	// USD is the price of what was not replayed, where the config has prices.
	USD float64 `json:"usd"`
}

// Add sums two usages.
func (u Usage) Add(v Usage) Usage {
	return Usage{
		Calls: u.Calls + v.Calls, Prompt: u.Prompt + v.Prompt, Cached: u.Cached + v.Cached,
		Completion: u.Completion + v.Completion, Replayed: u.Replayed + v.Replayed, USD: u.USD + v.USD,
	}
}

// UsageByRole is a usage with the part of each role that was played; repairs are
// in it. Roles sum up to the whole.
type UsageByRole struct {
	Usage
	Roles map[string]Usage `json:"roles,omitempty"`
}

// Count adds what a call of a role took.
func (u *UsageByRole) Count(role string, used Usage) {
	if u.Roles == nil {
		u.Roles = map[string]Usage{}
	}
	u.Usage, u.Roles[role] = u.Add(used), u.Roles[role].Add(used)
}

// Providers of a model.
const (
	OpenAI   = "openai"   // any OpenAI-compatible base URL
	Sim      = "sim"      // a seeded, rule-based stand-in; needs no key and no network
	Recorded = "recorded" // answers from files; evaluate's candidates only
)

// A Model is one entry of an experiment's models: the identity of what answers.
// It is plain data and part of work keys; what changes no answer is in Access.
type Model struct {
	Name     string `json:"name"` // in the experiment
	Provider string `json:"provider"`
	// BaseURL and Model address an OpenAI-compatible endpoint.
	BaseURL string `json:"baseURL,omitempty"`
	Model   string `json:"model,omitempty"`
	// Unset sampling parameters are not sent.
	Temperature *float64 `json:"temperature,omitempty"`
	TopP        *float64 `json:"topP,omitempty"`
	MaxTokens   int      `json:"maxTokens,omitempty"`
	// Schema says how JSON answers are asked for: "json_schema" (default), "json_object" or "text".
	Schema string `json:"schema,omitempty"`
	// Unredacted sends personal data as it is; see package redact.
	Unredacted bool `json:"unredacted,omitempty"`
	// Version is SimVersion for a sim.
	Version int `json:"version,omitempty"`
	// Skill in [0,1] is how good a sim's judgement is.
	Skill float64 `json:"skill,omitempty"`
}

// Simulated reports whether the model is a stand-in.
func (m Model) Simulated() bool { return m.Provider == Sim }

// Access is how a model is reached, paid and paced. It changes no answer, so it
// is no part of a Model, and it holds no secret.
type Access struct {
	// KeyEnv names the environment variable that holds the API key; "" sends none.
	KeyEnv string `json:"keyEnv,omitempty"`
	Price  *Price `json:"price,omitempty"`
	Limits Limits `json:"limits,omitzero"`
	// Timeout bounds one call; 0 means openai.Timeout.
	Timeout time.Duration `json:"timeout,omitempty"`
	// Batch asks through the provider's Batch API; nil asks call by call.
	Batch *Batch `json:"batch,omitempty"`
}

// Batch is how requests are gathered into batches; see package batch.
type Batch struct {
	Gather   time.Duration `json:"gather"` // no new request came for so long: submit
	Poll     time.Duration `json:"poll"`
	Requests int           `json:"requests"` // of one batch, at most
}

// Price is in US dollars per million tokens.
type Price struct {
	Prompt     float64 `json:"prompt"`
	Cached     float64 `json:"cached,omitempty"`
	Completion float64 `json:"completion"`
	// Batch is what the Batch API's price is multiplied by; 0 means 0.5.
	Batch float64 `json:"batch,omitempty"`
}

// Limits bound the calls to one model from one process; zero means unbounded.
type Limits struct {
	Concurrency       int `json:"concurrency,omitempty"`
	RequestsPerMinute int `json:"requestsPerMinute,omitempty"`
	TokensPerMinute   int `json:"tokensPerMinute,omitempty"`
}
