package openai

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/gymline/gymline/internal/llm"
)

// What a person can do about a denied call.
const (
	addCredit = "add credit at the provider or raise the account's spending limit"
	mendKey   = "set the environment variable of the model's apiKey to a key that the provider accepts"
	getAccess = "give the key's account access to this model at the provider, or use another key"
	mendName  = "check baseURL and the model's name"
	callUs    = "ask the provider why the account is closed, or use another key"
)

// denied are the codes and types of errors that only a person can mend,
// whatever the status, with what to do.
var denied = map[string]string{
	"insufficient_quota": addCredit, "billing_hard_limit_reached": addCredit, "billing_not_active": addCredit, // OpenAI
	"billing_error":                addCredit, // Anthropic
	"insufficient_credits":         addCredit, // OpenRouter
	"insufficient_balance":         addCredit, // DeepSeek
	"insufficient_user_quota":      addCredit, // One API
	"Arrearage":                    addCredit, // Alibaba
	"exceeded_current_quota_error": addCredit, // Moonshot
	"1113":                         addCredit, // Zhipu
	"blocked_api_access":           addCredit, // Groq, at its spending limit
	"quota_exceeded":               addCredit,
	"account_deactivated":          callUs, "access_terminated": callUs,
	"invalid_api_key": mendKey, "authentication_error": mendKey, "permission_error": getAccess, "model_not_found": mendName,
}

// classify decides by status and code, never by message text. What is denied
// comes with its remedy.
func classify(status int, code, kind string) (llm.Class, string) {
	for _, name := range []string{code, kind} {
		if remedy, ok := denied[name]; ok {
			return llm.Denied, remedy
		}
	}
	switch {
	case status == 401:
		return llm.Denied, mendKey
	case status == 402:
		return llm.Denied, addCredit
	case status == 403:
		return llm.Denied, getAccess
	case status == 404, status >= 300 && status < 400:
		return llm.Denied, mendName
	case status == 408, status == 409, status == 425, status == 429, status >= 500, status < 400:
		return llm.Retryable, ""
	}
	return llm.Refused, ""
}

// A description is what an error body says.
type description struct {
	code, kind, message string
	status              int // where the body holds one
}

// describe reads the error bodies that are in use: {"error": {…}} (OpenAI and
// most), [{"error": {…}}] (Gemini), {"error": "…"} (llama.cpp, Ollama), a bare
// {"message": …} (older vLLM) and {"detail": …} (FastAPI). Any other text is the message.
func describe(body []byte) description {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return description{message: string(body)}
	}
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
	}
	obj, ok := v.(map[string]any)
	if !ok {
		return description{message: string(body)}
	}
	switch inner := obj["error"].(type) {
	case map[string]any:
		obj = inner
	case string:
		return description{message: inner}
	}
	var d description
	str := func(key string) string { s, _ := obj[key].(string); return s }
	d.kind = str("type")
	d.code = str("code")
	switch n := obj["code"].(type) {
	case float64:
		d.status = int(n)
	case string:
		d.status, _ = strconv.Atoi(n)
	}
	if d.status < 400 || d.status > 599 {
		d.status = 0
	}
	if d.code == "" {
		d.code = str("status") // Gemini
	}
	if d.code == "" {
		d.code = d.kind
	}
	if d.message = str("message"); d.message == "" && obj["detail"] != nil {
		detail, _ := json.Marshal(obj["detail"])
		d.message = string(detail)
	}
	return d
}

// maxRetryAfter keeps an absurd header from overflowing a Duration.
const maxRetryAfter = 24 * time.Hour

// retryAfter reads how long the server asks to wait; 0 when it does not say. A
// date is taken relative to the answer's own Date header, so clocks need not agree.
func retryAfter(h http.Header) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil {
		return clampWait(ms / 1e3)
	}
	v := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		return clampWait(s)
	}
	until, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return clampWait(until.Sub(now).Seconds())
}

func clampWait(seconds float64) time.Duration {
	if !(seconds > 0) { // also NaN
		return 0
	}
	return time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second))
}
