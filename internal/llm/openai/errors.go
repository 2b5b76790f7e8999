package openai

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/gymline/gymline/internal/llm"
)

// denied are the codes and types of errors that only a person can mend,
// whatever the status: no credit, no quota, a closed account, a wrong key.
var denied = map[string]bool{
	"insufficient_quota": true, "billing_hard_limit_reached": true, "billing_not_active": true, "billing_error": true,
	"insufficient_credits": true, "insufficient_balance": true, "insufficient_user_quota": true, "Arrearage": true,
	"exceeded_current_quota_error": true, "quota_exceeded": true,
	"account_deactivated": true, "access_terminated": true,
	"invalid_api_key": true, "authentication_error": true, "permission_error": true, "model_not_found": true,
}

// classify decides by status and code, never by message text.
func classify(status int, code, kind string) llm.Class {
	if denied[code] || denied[kind] {
		return llm.Denied
	}
	switch {
	case status == 401, status == 402, status == 403, status == 404, status >= 300 && status < 400:
		return llm.Denied
	case status == 408, status == 409, status == 425, status == 429, status >= 500, status < 400:
		return llm.Retryable
	}
	return llm.Refused
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
