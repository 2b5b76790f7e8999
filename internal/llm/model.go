package llm

import (
	"cmp"
	"encoding/json"
	"path"
	"slices"
	"strings"
	"time"
)

// Providers of a model.
const (
	OpenAI = "openai" // any OpenAI-compatible base URL
	Sim    = "sim"    // a seeded, rule-based stand-in; needs no key and no network
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
	// Schema is the mode of asking for JSON; "" means ModeSchema.
	Schema string `json:"schema,omitempty"`
	Dialect
	// Unredacted sends personal data as it is; see package redact.
	Unredacted bool `json:"unredacted,omitempty"`
	// AsOf names an occasion: what was answered as of another is no answer. It is
	// not sent.
	AsOf string `json:"asOf,omitempty"`
	Params
}

// Params are a provider's own; zero is not one.
type Params struct {
	Version int     `json:"version,omitempty"` // of what answers by rule
	Skill   float64 `json:"skill,omitempty"`   // in [0,1], of its judgement
}

// A Dialect is how requests differ from those that OpenAI takes; zero differs in nothing.
type Dialect struct {
	NoSeed   bool `json:"noSeed,omitempty"`   // no seed is sent
	NoSystem bool `json:"noSystem,omitempty"` // system texts are the beginning of the user's
	NoStrict bool `json:"noStrict,omitempty"` // JSON Schemas go without strict
	// TokenLimit is what MaxTokens is called; "" goes by the model's name.
	TokenLimit string `json:"tokenLimit,omitempty"`
	// Body is an object of further members.
	Body json.RawMessage `json:"body,omitempty"`
}

// Names of MaxTokens.
const (
	MaxTokens           = "max_tokens"
	MaxCompletionTokens = "max_completion_tokens"
)

// LimitName is what MaxTokens is called in a request. OpenAI's reasoning models
// refuse max_tokens; every other server known takes it.
func (m Model) LimitName() string {
	if m.TokenLimit != "" {
		return m.TokenLimit
	}
	name := path.Base(m.Model) // "openai/gpt-5" behind a router
	name = strings.TrimPrefix(name, "ft:")
	if slices.ContainsFunc([]string{"o1", "o3", "o4", "gpt-5", "gpt-6"}, func(p string) bool {
		rest, ok := strings.CutPrefix(name, p)
		return ok && (rest == "" || strings.ContainsAny(rest[:1], "-.:"))
	}) {
		return MaxCompletionTokens
	}
	return MaxTokens
}

// DefaultBaseURL is where a model without a base URL is called.
const DefaultBaseURL = "https://api.openai.com/v1"

// Endpoint is where the model is called, without a slash at its end.
func (m Model) Endpoint() string {
	if m.BaseURL == "" {
		return DefaultBaseURL
	}
	return strings.TrimRight(m.BaseURL, "/")
}

// Modes of asking for JSON.
const (
	ModeSchema = "json_schema" // by strict constrained decoding
	ModeObject = "json_object" // some JSON, with the schema in the text
	ModeText   = "text"        // by the text alone
)

// Mode is how the model is asked for JSON.
func (m Model) Mode() string { return cmp.Or(m.Schema, ModeSchema) }

// Simulated reports whether the model is a stand-in.
func (m Model) Simulated() bool { return m.Provider == Sim }

// Access is how a model is reached, paid and paced. It changes no answer, so it
// is no part of a Model, and it holds no secret.
type Access struct {
	// KeyEnv names the environment variable that holds the API key; "" sends none.
	KeyEnv string `json:"keyEnv,omitempty"`
	// Headers go with each call, and Query with its URL.
	Headers map[string]Header `json:"headers,omitempty"`
	Query   map[string]string `json:"query,omitempty"`
	Price   *Price            `json:"price,omitempty"`
	Limits  Limits            `json:"limits,omitzero"`
	// Timeout bounds one call; 0 means the provider's.
	Timeout time.Duration `json:"timeout,omitempty"`
	// Batch asks through the provider's Batch API; nil asks call by call.
	Batch *Batching `json:"batch,omitempty"`
}

// A Header is the value of an HTTP header, or names the environment variable
// that holds it.
type Header struct {
	Value string `json:"value,omitempty"`
	Env   string `json:"env,omitempty"`
}

// Secrets names the environment variables that calls need, in order.
func (a Access) Secrets() (names []string) {
	if a.KeyEnv != "" {
		names = append(names, a.KeyEnv)
	}
	for _, h := range a.Headers {
		if h.Env != "" {
			names = append(names, h.Env)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Batching is how requests are gathered into batches; see package batch.
type Batching struct {
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
