package experiment

import (
	"encoding/json"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/sim"
)

// A SecretRef says where a secret is found; it never holds one.
type SecretRef struct {
	_   struct{} `doc:"Where a secret is found. Files hold references, never secrets."`
	Env string   `json:"env" required:"true" rule:"env" doc:"Name of the environment variable that holds it."`
}

// A Model is a language model, real or simulated.
type Model struct {
	_           struct{}          `doc:"A language model: any OpenAI-compatible endpoint, or a simulated one that needs neither key nor network."`
	Provider    string            `json:"provider" required:"true" enum:"sim,openai" doc:"openai is any OpenAI-compatible endpoint; sim is a seeded, rule-based stand-in."`
	Skill       *float64          `json:"skill,omitempty" when:"provider=sim" default:"0.8" min:"0" max:"1" doc:"How good the stand-in's judgement is."`
	BaseURL     string            `json:"baseURL,omitempty" when:"provider=openai" required:"true" rule:"url" doc:"The endpoint, usually ending in /v1."`
	Model       string            `json:"model,omitempty" when:"provider=openai" required:"true" rule:"text" doc:"The endpoint's own name of the model."`
	APIKey      *SecretRef        `json:"apiKey,omitempty" when:"provider=openai" doc:"The key, by reference. Leave it out where the endpoint wants none."`
	Temperature *float64          `json:"temperature,omitempty" when:"provider=openai" min:"0" max:"2" doc:"Sampling temperature; not sent unless given."`
	TopP        *float64          `json:"topP,omitempty" when:"provider=openai" above:"0" max:"1" doc:"Nucleus sampling; not sent unless given."`
	MaxTokens   int               `json:"maxTokens,omitempty" when:"provider=openai" min:"1" max:"1000000" doc:"Bound of an answer, in tokens; not sent unless given."`
	TokenLimit  string            `json:"tokenLimit,omitempty" when:"provider=openai" enum:"max_tokens,max_completion_tokens" doc:"The endpoint's own name of maxTokens; unless given, max_completion_tokens for models named o1, o3, o4, gpt-5 and gpt-6, and max_tokens for others."`
	Schema      string            `json:"schema,omitempty" when:"provider=openai" default:"json_schema" enum:"json_schema,json_object,text" doc:"How answers that must be JSON are asked for; use the first that the endpoint supports."`
	Strict      *bool             `json:"strict,omitempty" when:"provider=openai" doc:"Whether a JSON Schema goes with strict: true, which asks for constrained decoding; true unless given. false leaves strict out."`
	Seed        *bool             `json:"seed,omitempty" when:"provider=openai" doc:"Whether each request carries a seed; true unless given. Without, recorded answers replay as ever, and what is asked anew is another draw."`
	System      *bool             `json:"system,omitempty" when:"provider=openai" doc:"Whether the model takes system messages; true unless given. false puts their text before that of the user's message that follows."`
	Body        json.RawMessage   `json:"body,omitempty" when:"provider=openai" doc:"Further members of each request's JSON, such as {chat_template_kwargs: {enable_thinking: false}}; part of what answers are recorded under."`
	Headers     map[string]Header `json:"headers,omitempty" when:"provider=openai" keys:"header" doc:"Further HTTP headers of each call, such as {HTTP-Referer: 'https://example.com'} or {api-key: {env: NAME}}. Like the key, they are no part of what answers are recorded under."`
	Query       map[string]string `json:"query,omitempty" when:"provider=openai" keys:"query" rule:"text" doc:"Parameters of each call's URL, such as Azure's {api-version: '2024-10-21'}; no part of what answers are recorded under."`
	Redact      *bool             `json:"redact,omitempty" when:"provider=openai" doc:"Replace personal data and secrets, such as e-mail addresses, numbers of telephones and cards, keys and passwords, before a text is recorded or sent; true unless given."`
	Price       *Price            `json:"price,omitempty" when:"provider=openai" doc:"What tokens cost, for the account of a run."`
}

// Identity returns the model as the plan and the providers know it.
func (m Model) Identity(name string) llm.Model {
	id := llm.Model{
		Name: name, Provider: m.Provider, BaseURL: m.BaseURL, Model: m.Model,
		Temperature: m.Temperature, TopP: m.TopP, MaxTokens: m.MaxTokens, Schema: m.Schema,
	}
	if m.Provider == llm.Sim {
		id.Version = sim.Version
	}
	if m.Skill != nil {
		id.Skill = *m.Skill
	}
	no := func(b *bool) bool { return b != nil && !*b }
	id.Unredacted = no(m.Redact)
	id.NoSeed, id.NoSystem, id.Body = no(m.Seed), no(m.System), m.Body
	// What makes no difference to a request makes none to its key.
	id.NoStrict = no(m.Strict) && id.Mode() == llm.ModeSchema
	if m.MaxTokens > 0 && m.TokenLimit != id.LimitName() {
		id.TokenLimit = m.TokenLimit
	}
	return id
}

// Access returns how the model is reached and paid.
func (m Model) Access() llm.Access {
	var a llm.Access
	if m.APIKey != nil {
		a.KeyEnv = m.APIKey.Env
	}
	for name, h := range m.Headers {
		if a.Headers == nil {
			a.Headers = map[string]llm.Header{}
		}
		a.Headers[name] = llm.Header{Value: h.Value, Env: h.Env}
	}
	a.Query = m.Query
	if m.Price != nil {
		a.Price = &llm.Price{Prompt: m.Price.Prompt, Cached: *m.Price.Cached, Completion: m.Price.Completion, Batch: m.Price.Batch}
	}
	return a
}

// A Price is in US dollars per million tokens.
type Price struct {
	_          struct{} `doc:"US dollars per million tokens."`
	Prompt     float64  `json:"prompt" required:"true" min:"0" max:"100000" doc:"For prompt tokens."`
	Cached     *float64 `json:"cached" min:"0" max:"100000" doc:"For prompt tokens read from the provider's cache; as prompt unless given."`
	Completion float64  `json:"completion" required:"true" min:"0" max:"100000" doc:"For the answer's tokens."`
	Batch      float64  `json:"batch,omitempty" above:"0" max:"1" doc:"What all three are multiplied by in the provider's Batch API; 0.5 unless given."`
}

// A Header is the value of an HTTP header.
type Header struct {
	_     struct{} `doc:"The value of an HTTP header: a text as it stands, or where a secret is found." exactly:"value,env" short:"value"`
	Value string   `json:"value,omitempty" rule:"headerValue" doc:"The value; a plain text instead of the mapping is the same."`
	Env   string   `json:"env,omitempty" rule:"env" doc:"Name of the environment variable that holds the value."`
}
