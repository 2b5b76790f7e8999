// Package openai answers chat requests through any OpenAI-compatible endpoint.
// It sends exactly what the model's config sets, and every failure is an
// *llm.Error that says whether another try may help.
package openai

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/sashabaranov/go-openai"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
)

// New returns the chatter of a model. client's Timeout bounds each call. New
// fails only for a model or key that can never be used.
func New(m llm.Model, a Access, client *http.Client) (llm.Chatter, error) {
	return newChatter(m, a, client)
}

func newChatter(m llm.Model, a Access, client *http.Client) (*chatter, error) {
	u, err := url.Parse(m.Endpoint())
	switch {
	case err != nil, u.Host == "", u.Scheme != "http" && u.Scheme != "https":
		return nil, fault.New(fault.Config, fmt.Errorf("model %s: baseURL is not an http(s) URL", m.Name),
			"give the URL up to and including its version, e.g. "+llm.DefaultBaseURL)
	case u.User != nil || u.RawQuery != "":
		return nil, fault.New(fault.Config, fmt.Errorf("model %s: baseURL holds a user, password or query", m.Name),
			"put the key into an environment variable and name it in apiKey; other parameters go into query")
	}
	if err := a.check(m.Name); err != nil {
		return nil, err
	}
	members, err := fixed(m)
	if err != nil {
		return nil, fault.New(fault.Config, fmt.Errorf("model %s: %w", m.Name, err), "")
	}
	calls := *client
	// A redirect would turn the POST into a GET or carry the key elsewhere.
	calls.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	config := openai.DefaultConfig("") // the key is added below the client, which prints what it holds
	config.BaseURL = m.Endpoint()
	return &chatter{model: m, access: a, key: a.key(), http: &calls, config: config, members: members}, nil
}

type chatter struct {
	model   llm.Model
	access  Access
	key     Key // removes what is secret in access from what is shown
	http    *http.Client
	config  openai.ClientConfig
	members []byte // of every request's JSON object, or none
}

func (c *chatter) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	x := &exchange{chatter: c}
	return c.complete(ctx, x, x, x.ask(req))
}

// client returns a client whose calls go through do.
func (c *chatter) client(do openai.HTTPDoer) *openai.Client {
	config := c.config
	config.HTTPClient = do
	return openai.NewClientWithConfig(config)
}

// complete makes a chat call through do, which keeps in x what came of it.
func (c *chatter) complete(ctx context.Context, x *exchange, do openai.HTTPDoer, wire openai.ChatCompletionRequest) (*llm.Response, error) {
	if _, err := c.client(do).CreateChatCompletion(ctx, wire); err != nil {
		return nil, c.failure(ctx, x, err)
	}
	return x.answer()
}

// failure turns what the client returned into the contract's errors.
func (c *chatter) failure(ctx context.Context, x *exchange, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if e, ok := errors.AsType[*llm.Error](err); ok {
		return e
	}
	if x.status == 0 {
		return fmt.Errorf("model %s: build request: %w", c.model.Name, err)
	}
	return &llm.Error{Model: c.model.Name, Status: x.status, Code: damagedBody, Class: llm.Retryable,
		Err: fmt.Errorf("the answer is not the JSON that was asked for: %s", c.key.scrub(err.Error()))}
}
