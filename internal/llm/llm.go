// Package llm is chat with a language model behind one small interface.
// Providers implement it; limiting, retrying, recording
// and metering are wrappers of the same interface.
package llm

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"strings"
	"time"
)

// A Chatter answers chat requests. It is safe for concurrent use.
//
// An error is an *Error when the provider answered or could not be reached;
// other errors are ctx.Err() or a defect.
type Chatter interface {
	Chat(ctx context.Context, req *Request) (*Response, error)
}

// A ChatFunc is a Chatter made of a function.
type ChatFunc func(ctx context.Context, req *Request) (*Response, error)

// Chat calls f.
func (f ChatFunc) Chat(ctx context.Context, req *Request) (*Response, error) { return f(ctx, req) }

// Roles of a message.
const (
	System    = "system"
	User      = "user"
	Assistant = "assistant"
)

// A Message is one turn of a conversation.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// A Schema asks for an answer that is JSON of this shape.
type Schema struct {
	Name   string          `json:"name"` // also tells a stand-in which part it plays
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
	// Seed is best effort with real providers, and exact with a stand-in. It is below 2^53.
	Seed uint64 `json:"seed,omitempty"`
}

// Length is the finish reason of an answer that ran into the token limit.
const Length = "length"

// A Response is a model's answer.
type Response struct {
	Content      string `json:"content"`
	FinishReason string `json:"finishReason"` // "stop", Length, …
	// Elsewhere names what the provider filled in place of an empty content, such
	// as its field for reasoning.
	Elsewhere string `json:"elsewhere,omitempty"`
	Model     string `json:"model"` // what the provider says answered
	// Fingerprint is what the provider says of how it was set up; "" where it says nothing.
	Fingerprint string `json:"fingerprint,omitempty"`
	Usage       Usage  `json:"usage"`
	// Tries is how often the request was sent, when failures that passed made it more
	// than once.
	Tries int `json:"tries,omitempty"`
	// Redacted names the kinds of values that the request was sent without, parted by
	// spaces. It follows from the request and is never recorded.
	Redacted string `json:"-"`
	// Rate is what the provider said of its limits beside the answer; nil when
	// it said nothing. It is never recorded.
	Rate *Rate `json:"-"`
}

// Version tells what answered from what else may answer to its name: the provider's name
// and, where it gives one, the fingerprint; "" where it gives no name. No artifact has it,
// because it may be another for each call.
func (r *Response) Version() string {
	if r.Model == "" || r.Fingerprint == "" {
		return r.Model
	}
	return r.Model + "@" + r.Fingerprint
}

// Rate is what a provider says of its limits (x-ratelimit-*).
type Rate struct{ Requests, Tokens Quota }

// A Quota is one limit: so many a minute, of which so many are left until the
// quota starts again, in Reset. What the provider did not say is negative.
type Quota struct {
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
	// Estimated counts the calls among Calls whose tokens the provider did not
	// count, wholly or in part, or counted as cannot be: they are a quarter of the
	// bytes.
	Estimated int64 `json:"estimatedCalls,omitempty"`
	// USD is the price of what was not replayed, where the config has prices.
	USD float64 `json:"usd"`
}

// Add sums two usages.
func (u Usage) Add(v Usage) Usage {
	return Usage{
		Calls: u.Calls + v.Calls, Prompt: u.Prompt + v.Prompt, Cached: u.Cached + v.Cached,
		Completion: u.Completion + v.Completion, Replayed: u.Replayed + v.Replayed, Estimated: u.Estimated + v.Estimated, USD: u.USD + v.USD,
	}
}

// UsageByRole is a usage with the part of each role that was played; repairs are
// in it. Roles sum up to the whole.
type UsageByRole struct {
	Usage
	Roles map[string]Usage `json:"roles,omitempty"`
	// Redacted is nil where no request was redacted.
	Redacted *Redacted `json:"redacted,omitempty"`
	// Served is what the server of a trained model said of it; nil where none was asked.
	Served *Served `json:"served,omitempty"`
}

// Redacted counts calls whose request was sent without some value, by its kind too.
type Redacted struct {
	Calls int64            `json:"calls"`
	Kinds map[string]int64 `json:"kinds"`
}

// Add sums two; either may be nil.
func (r *Redacted) Add(s *Redacted) *Redacted {
	if r == nil || s == nil {
		return cmp.Or(r, s)
	}
	sum := &Redacted{r.Calls + s.Calls, maps.Clone(r.Kinds)}
	for kind, n := range s.Kinds {
		sum.Kinds[kind] += n
	}
	return sum
}

// Count adds what a call of a role took, and the kinds of what it was sent without.
func (u *UsageByRole) Count(role string, used Usage, redacted string) {
	if u.Roles == nil {
		u.Roles = map[string]Usage{}
	}
	u.Usage, u.Roles[role] = u.Add(used), u.Roles[role].Add(used)
	if redacted == "" {
		return
	}
	if u.Redacted == nil {
		u.Redacted = &Redacted{Kinds: map[string]int64{}}
	}
	u.Redacted.Calls++
	for kind := range strings.FieldsSeq(redacted) {
		u.Redacted.Kinds[kind]++
	}
}
