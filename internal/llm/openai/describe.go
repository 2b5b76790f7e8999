package openai

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gymline/gymline/internal/reach"
)

// A description is what an error body says.
type description struct {
	code, kind, message string
	whole               bool          // the message is the body as it is
	reasons             []string      // machine-readable, beside the code
	status              int           // where the body holds one
	wait                time.Duration // how long it asks to wait; 0 when it does not
}

// names are the words by which an error is classed.
func (d description) names() []string { return append([]string{d.code, d.kind}, d.reasons...) }

var (
	// envelopes are the members that hold an error, in use somewhere.
	envelopes = []string{"error", "errors", "err", "fault", "base_resp"}
	// tellers are the members that tell a reason.
	tellers = []string{"message", "msg", "error_message", "error_msg", "errorMessage", "status_msg", "faultstring", "Message", "title", "detail", "reason", "error_description", "description"}
)

// describe reads an error body: {"error": {…}} (OpenAI and most), a list of such
// (Gemini), {"error": "…"} (llama.cpp, Ollama), a bare {"message": …} (older
// vLLM), {"detail": …} (FastAPI), and what resembles them. A body that it does
// not understand is the message as it is, so that no reason is lost.
func describe(body []byte) description {
	body = tidy(body)
	var v any
	if json.Unmarshal(body, &v) != nil {
		return description{message: pageText(string(body))}
	}
	top := firstObject(v)
	if top == nil {
		return description{message: tell(v)}
	}
	obj := top
	var told []string
	for _, name := range envelopes {
		if inner := firstObject(top[name]); len(inner) > 0 {
			obj = inner
			break
		}
		told = also(told, tell(top[name]))
	}
	d := description{status: httpStatus(obj), reasons: reasons(obj), wait: askedWait(obj)}
	d.kind, _ = obj["type"].(string)
	d.code, _ = obj["code"].(string)
	if status, _ := obj["status"].(string); d.code == "" {
		d.code = status // Gemini
	}
	if n, err := strconv.Atoi(d.code); err == nil && n == d.status || d.code == "" {
		d.code = d.kind
	}
	for _, name := range tellers {
		told = also(told, tell(obj[name]))
	}
	if meta, ok := obj["metadata"].(map[string]any); ok {
		told = also(told, tell(meta["raw"])) // OpenRouter: what the provider behind it said
	}
	if d.message = strings.Join(told, ": "); d.message == "" && len(top) > 0 {
		d.message, d.whole = tell(v), true
	}
	return d
}

// firstObject is a JSON object, or the first of a list.
func firstObject(v any) map[string]any {
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
	}
	obj, _ := v.(map[string]any)
	return obj
}

// also adds what was not told yet.
func also(told []string, more string) []string {
	if more == "" || strings.Contains(strings.Join(told, ": "), more) {
		return told
	}
	return append(told, more)
}

// tell is a value in words: a text as it is, texts one after another, and the
// JSON of what is not understood.
func tell(v any) string {
	switch v := v.(type) {
	case nil, bool:
		return ""
	case string:
		return pageText(v)
	case []any:
		var texts []string
		for _, one := range v {
			if s, ok := one.(string); ok {
				texts = append(texts, s)
			}
		}
		if len(texts) == len(v) {
			return strings.Join(texts, "; ")
		}
	case map[string]any:
		if len(v) == 0 {
			return ""
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // it was JSON before
	return strings.TrimSpace(b.String())
}

// httpStatus is the status that an error holds, or 0.
func httpStatus(obj map[string]any) int {
	for _, name := range []string{"code", "status", "status_code", "http_code"} {
		if n, err := strconv.Atoi(fmt.Sprint(obj[name])); err == nil && n >= 400 && n <= 599 {
			return n
		}
	}
	return 0
}

// reasons are the machine-readable ones beside an error's code.
func reasons(obj map[string]any) []string {
	var out []string
	details, _ := obj["details"].([]any)
	for _, v := range details { // Google
		if s, ok := firstObject(v)["reason"].(string); ok {
			out = append(out, s)
		}
	}
	for _, name := range []string{"innererror", "inner_error"} { // Azure
		if s, ok := firstObject(obj[name])["code"].(string); ok {
			out = append(out, s)
		}
	}
	if meta := firstObject(obj["metadata"]); meta["flagged_input"] != nil { // OpenRouter
		out = append(out, "content_filter")
	}
	for _, name := range []string{"code", "error_code", "status_code"} {
		if n, ok := obj[name].(float64); ok {
			out = append(out, strconv.FormatFloat(n, 'f', -1, 64))
		}
	}
	return out
}

// askedWait reads how long an error's body asks to wait.
func askedWait(obj map[string]any) time.Duration {
	if s, ok := obj["retry_after"].(float64); ok {
		return reach.Seconds(s)
	}
	details, _ := obj["details"].([]any)
	for _, v := range details { // Google
		s, _ := firstObject(v)["retryDelay"].(string)
		if d, err := time.ParseDuration(s); err == nil {
			return reach.Seconds(d.Seconds())
		}
	}
	return 0
}

var (
	unseen = regexp.MustCompile(`(?is)<(script|style|head)\b.*?</(script|style|head)\s*>|<!--.*?-->`)
	title  = regexp.MustCompile(`(?is)<title\b[^>]*>(.*?)</title`)
	tag    = regexp.MustCompile(`(?s)<[^<>]*>`)
)

// pageText is what a reader sees of a web page, title first, and any other text
// as it is.
func pageText(s string) string {
	if s = strings.TrimSpace(s); !strings.HasPrefix(s, "<") {
		return s
	}
	var told []string
	if t := title.FindStringSubmatch(s); t != nil {
		told = also(told, seen(t[1]))
	}
	told = also(told, seen(unseen.ReplaceAllString(s, " ")))
	if len(told) == 0 {
		return s
	}
	return strings.Join(told, ": ")
}

// seen is marked-up text on one line, without the marks.
func seen(s string) string {
	return strings.Join(strings.Fields(html.UnescapeString(tag.ReplaceAllString(s, " "))), " ")
}

// tidy leaves out the space and byte order marks before a body, and space after it.
func tidy(body []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(body), []byte("\ufeff")))
}
