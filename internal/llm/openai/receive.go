package openai

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/reach"
	"github.com/gymline/gymline/internal/text"
)

// Codes of failures that no provider names.
const (
	noAnswer    = "no_answer"
	damagedBody = "damaged_body" // cut off, or no chat completion
	tooLarge    = "too_large"
	filtered    = "content_filter"
)

// answer reads an answer with status 2xx. Whatever says, beside or in the choice,
// that it failed makes it a failure, and no text that comes with it is an answer.
func (x *exchange) answer() (*llm.Response, error) {
	body := tidy(x.body)
	switch {
	case len(body) == 0:
		return nil, x.foreign("the answer is empty")
	case body[0] == '<':
		return nil, x.foreign("the answer is a web page and not a model's: " + pageText(string(body)))
	}
	r, err := read(body)
	switch {
	case errors.Is(err, errNone), err != nil && body[0] != '{' && body[0] != '[' && !streams(body):
		return nil, x.foreign(fmt.Sprintf("%v: %s", err, cmp.Or(describe(body).message, string(body))))
	case err != nil:
		return nil, &llm.Error{Model: x.model.Name, Status: x.status, Code: damagedBody, Class: llm.Retryable, Err: errors.New(x.key.scrub(err.Error()))}
	case r.failure != nil:
		e := x.failed(describe(r.failure))
		if !r.choice && e.Status < 300 && e.Class == llm.Retryable {
			e.Setup, e.Remedy = true, mendURL
		}
		return nil, e
	case !r.choice:
		return nil, x.choiceless(body)
	case failures[r.finish], strings.Contains(r.finish, "error"):
		return nil, x.failed(description{code: r.finish, message: "the model's answer failed at the provider: its finish reason is " + r.finish})
	case filters[r.finish], strings.HasPrefix(r.finish, filtered):
		return nil, x.failed(description{code: filtered, message: "the provider withheld the answer: its finish reason is " + r.finish})
	}
	out := &llm.Response{
		Content: x.key.scrubAnswer(r.content.String()), FinishReason: r.finish, Model: r.model, Fingerprint: r.print,
		Usage: r.usage, Rate: rates(x.header),
	}
	out.Usage.Calls = 1
	if limits[r.finish] {
		out.FinishReason = llm.Length
	}
	if strings.TrimSpace(out.Content) == "" {
		out.Elsewhere = strings.Join(r.elsewhere, ", ")
	}
	return out, nil
}

// What finish reasons say, in lower case, of OpenAI's kind and of others that
// routers and servers pass on.
var (
	failures = set("abort", "aborted", "cancel", "cancelled", "canceled", "failed", "failure", "fail", "insufficient_system_resource", "timeout", "interrupted", "overloaded", "unavailable")
	filters  = set("safety", "recitation", "blocklist", "prohibited_content", "spii", "sensitive", "guardrail_intervened", "image_safety", "moderation")
	limits   = set("max_tokens", "max_output_tokens", "max_completion_tokens", "model_length", "token_limit", "model_context_window_exceeded")
)

// foreign is the error for what no chat completion endpoint answers.
func (x *exchange) foreign(said string) *llm.Error {
	return &llm.Error{Model: x.model.Name, Status: x.status, Code: damagedBody, Class: llm.Retryable, Setup: true, Remedy: mendURL,
		RetryAfter: reach.RetryAfter(x.header), Rate: rates(x.header), Err: errors.New(x.shown(said))}
}

// choiceless is the error for an answer without a choice.
func (x *exchange) choiceless(body []byte) *llm.Error {
	d := describe(body)
	told := !d.whole
	d.message = "the answer holds no choice: " + d.message
	e := x.failed(d)
	e.Setup = e.Setup || told && e.Status < 300
	return e
}

// failed is the error that an answer describes.
func (x *exchange) failed(d description) *llm.Error {
	e := &llm.Error{Model: x.model.Name, Status: x.status, RetryAfter: reach.RetryAfter(x.header), Rate: rates(x.header)}
	if e.RetryAfter == 0 {
		e.RetryAfter = d.wait
	}
	if x.status < 300 { // an error in a 2xx answer
		e.Status = d.status
		for _, name := range d.names() {
			if e.Status == 0 {
				e.Status = statuses[strings.ToLower(name)]
			}
		}
		if e.Status == 0 {
			e.Status = x.status
		}
	}
	e.Code = text.ClipBytes(x.shown(d.code), 100)
	e.Class, e.Remedy = classify(e.Status, d.names()...)
	e.Setup = e.Class == llm.Refused && !ofText(e.Status, d.names())
	message := d.message
	switch {
	case x.status >= 300 && x.status < 400:
		message = "the server redirects elsewhere; set baseURL to the address that answers"
	case strings.TrimSpace(message) == "":
		message = cmp.Or(http.StatusText(e.Status), "the server gives no reason")
	}
	e.Err = errors.New(x.shown(message))
	return e
}

// shown is a text of the server's as errors have it: on one line, without the
// key, and short.
func (x *exchange) shown(said string) string {
	return text.ClipBytes(x.key.scrub(strings.Join(strings.Fields(said), " ")), 500)
}
