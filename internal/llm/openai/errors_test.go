package openai

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
)

func TestErrors(t *testing.T) {
	type answer struct {
		status int
		header map[string]string
		body   string
	}
	tests := map[string]struct {
		answer answer
		want   llm.Error // without Err and Model
		text   string    // a part of the message
	}{
		"rate limit": {answer{429, map[string]string{"Retry-After": "2"}, `{"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded"}}`},
			llm.Error{Status: 429, Code: "rate_limit_exceeded", Class: llm.Retryable, RetryAfter: 2 * time.Second}, "slow down"},
		"rate limit in ms wins": {answer{429, map[string]string{"Retry-After": "2", "Retry-After-Ms": "150.5"}, `{}`},
			llm.Error{Status: 429, Class: llm.Retryable, RetryAfter: 150500 * time.Microsecond}, "Too Many Requests"},
		"retry-after date": {answer{503, map[string]string{"Date": "Mon, 02 Jan 2006 15:04:05 GMT", "Retry-After": "Mon, 02 Jan 2006 15:04:35 GMT"}, ``},
			llm.Error{Status: 503, Class: llm.Retryable, RetryAfter: 30 * time.Second}, "Service Unavailable"},
		"absurd retry-after":   {answer{429, map[string]string{"Retry-After": "1e300"}, ``}, llm.Error{Status: 429, Class: llm.Retryable, RetryAfter: 24 * time.Hour}, ""},
		"negative retry-after": {answer{429, map[string]string{"Retry-After": "-5"}, ``}, llm.Error{Status: 429, Class: llm.Retryable}, ""},
		"quota": {answer{429, nil, `{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}`},
			llm.Error{Status: 429, Code: "insufficient_quota", Class: llm.Denied}, "quota"},
		"quota by type only":    {answer{429, nil, `{"error":{"message":"x","type":"insufficient_quota","code":null}}`}, llm.Error{Status: 429, Code: "insufficient_quota", Class: llm.Denied}, "x"},
		"billing":               {answer{429, nil, `{"error":{"message":"x","code":"billing_hard_limit_reached"}}`}, llm.Error{Status: 429, Code: "billing_hard_limit_reached", Class: llm.Denied}, "x"},
		"payment":               {answer{402, nil, `{"error":{"message":"Insufficient Balance"}}`}, llm.Error{Status: 402, Class: llm.Denied}, "Balance"},
		"unauthorized":          {answer{401, nil, `{"error":{"message":"bad key","code":"invalid_api_key"}}`}, llm.Error{Status: 401, Code: "invalid_api_key", Class: llm.Denied}, "bad key"},
		"forbidden":             {answer{403, nil, `no`}, llm.Error{Status: 403, Class: llm.Denied}, "no"},
		"no such model":         {answer{404, nil, `{"error":{"message":"no model","code":"model_not_found"}}`}, llm.Error{Status: 404, Code: "model_not_found", Class: llm.Denied}, "no model"},
		"wrong path":            {answer{404, nil, `<html>404</html>`}, llm.Error{Status: 404, Class: llm.Denied}, "404"},
		"bad request":           {answer{400, nil, `{"error":{"message":"too long","type":"invalid_request_error","code":"context_length_exceeded"}}`}, llm.Error{Status: 400, Code: "context_length_exceeded", Class: llm.Refused}, "too long"},
		"quota text is no sign": {answer{400, nil, `{"error":{"message":"insufficient_quota"}}`}, llm.Error{Status: 400, Class: llm.Refused}, "insufficient_quota"},
		"unprocessable":         {answer{422, nil, `{"detail":[{"loc":["body","model"],"msg":"missing"}]}`}, llm.Error{Status: 422, Class: llm.Refused}, "missing"},
		"request timeout":       {answer{408, nil, ``}, llm.Error{Status: 408, Class: llm.Retryable}, "Timeout"},
		"conflict":              {answer{409, nil, ``}, llm.Error{Status: 409, Class: llm.Retryable}, ""},
		"server":                {answer{500, nil, `{"error":{"message":["a","b"],"code":5}}`}, llm.Error{Status: 500, Class: llm.Retryable}, ""},
		"gateway page":          {answer{502, nil, `<html>bad gateway</html>`}, llm.Error{Status: 502, Class: llm.Retryable}, "bad gateway"},
		"anthropic overload":    {answer{529, nil, `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`}, llm.Error{Status: 529, Code: "overloaded_error", Class: llm.Retryable}, "Overloaded"},
		"gemini list":           {answer{429, nil, `[{"error":{"code":429,"message":"Resource exhausted","status":"RESOURCE_EXHAUSTED"}}]`}, llm.Error{Status: 429, Code: "RESOURCE_EXHAUSTED", Class: llm.Retryable}, "exhausted"},
		"vllm":                  {answer{400, nil, `{"object":"error","message":"bad","type":"BadRequestError","code":400}`}, llm.Error{Status: 400, Code: "BadRequestError", Class: llm.Refused}, "bad"},
		"ollama":                {answer{500, nil, `{"error":"out of memory"}`}, llm.Error{Status: 500, Class: llm.Retryable}, "out of memory"},
		"redirect":              {answer{307, map[string]string{"Location": "https://example.invalid/v1?key=" + canary}, ``}, llm.Error{Status: 307, Class: llm.Denied}, "set baseURL"},
		"half JSON":             {answer{200, nil, `{"choices":[{"message":{"content":"x`}, llm.Error{Status: 200, Code: "damaged_body", Class: llm.Retryable}, "not the JSON"},
		"empty body":            {answer{200, nil, ``}, llm.Error{Status: 200, Code: "damaged_body", Class: llm.Retryable}, "empty"},
		"wrong types":           {answer{200, nil, `{"choices":"` + canary + `"}`}, llm.Error{Status: 200, Code: "damaged_body", Class: llm.Retryable}, ""},
		"cut body":              {answer{200, map[string]string{"Content-Length": "5000"}, `{"choices":[`}, llm.Error{Status: 200, Code: "damaged_body", Class: llm.Retryable}, "unexpected EOF"},
		"no choices":            {answer{200, nil, `{"id":"x","choices":[]}`}, llm.Error{Status: 200, Class: llm.Retryable}, "no choice"},
		"proxy error":           {answer{200, nil, `{"error":{"message":"upstream","code":429}}`}, llm.Error{Status: 429, Class: llm.Retryable}, "upstream"},
		"proxy error, denied":   {answer{200, nil, `{"error":{"message":"no credit","code":402}}`}, llm.Error{Status: 402, Class: llm.Denied}, "no credit"},
		"proxy error, no code":  {answer{200, nil, `{"error":{"message":"upstream"}}`}, llm.Error{Status: 200, Class: llm.Retryable}, "upstream"},
		"too large":             {answer{200, nil, strings.Repeat(" ", maxAnswer+1)}, llm.Error{Status: 200, Code: "too_large", Class: llm.Refused}, "larger"},
		"key echoed":            {answer{401, nil, `{"error":{"message":"Bearer ` + canary + ` is wrong","code":"` + canary + `"}}`}, llm.Error{Status: 401, Code: redacted, Class: llm.Denied}, "is wrong"},
		"key echoed, escaped":   {answer{400, nil, `{"error":{"message":"` + strings.ReplaceAll(canary, "/", `\/`) + `"}}`}, llm.Error{Status: 400, Class: llm.Refused}, redacted},
		"key echoed, plain":     {answer{500, nil, strings.Repeat("x", 480) + " " + canary}, llm.Error{Status: 500, Class: llm.Retryable}, "xxx"},
		"key echoed, masked":    {answer{401, nil, `{"error":{"message":"Incorrect API key provided: sk-proj-CANARY****************cdef."}}`}, llm.Error{Status: 401, Class: llm.Denied}, "provided: " + redacted},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				for k, v := range tt.answer.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(tt.answer.status)
				fmt.Fprint(w, tt.answer.body)
			})
			_, err := dial(t, m).Chat(t.Context(), &llm.Request{Messages: []llm.Message{{Role: llm.User, Content: "hi"}}})
			e, ok := errors.AsType[*llm.Error](err)
			if !ok {
				t.Fatalf("got %v", err)
			}
			got := *e
			got.Err, got.Model, got.Remedy, got.Setup = nil, "", "", false
			if hint := e.Hint(); e.Class == llm.Denied && !strings.Contains(hint, "run again") {
				t.Errorf("the hint does not say what to do: %q", hint)
			}
			if got != tt.want || e.Model != "gpt" || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %+v\nwant %+v, text %q\n%v", got, tt.want, tt.text, err)
			}
			for _, part := range []string{canary, canary[:14], canary[len(canary)-4:]} {
				if strings.Contains(fmt.Sprintf("%v %+v %#v", err, e, e), part) {
					t.Errorf("the error shows %q of the key: %v", part, err)
				}
			}
			if len(err.Error()) > 700 {
				t.Errorf("the error is %d bytes long", len(err.Error()))
			}
		})
	}
}

// TestRemedies: who is turned away for good reads what to do.
func TestRemedies(t *testing.T) {
	for body, want := range map[string]string{
		`429 {"error":{"code":"insufficient_quota"}}`:      "add credit",
		`402 {"error":{"message":"Insufficient Balance"}}`: "add credit",
		`403 {"error":{"code":"insufficient_user_quota"}}`: "add credit",
		`400 {"error":{"code":"Arrearage"}}`:               "add credit",
		`400 {"error":{"code":"blocked_api_access"}}`:      "add credit",
		`429 {"error":{"code":"1113"}}`:                    "add credit",
		`401 {"error":{"code":"invalid_api_key"}}`:         "apiKey",
		`401 {"error":{"message":"who are you"}}`:          "apiKey",
		`403 {"error":{"type":"permission_error"}}`:        "access",
		`403 {"error":{"code":"access_terminated"}}`:       "closed",
		`404 {"error":{"code":"model_not_found"}}`:         "model's name",
		`400 {"error":{"code":"model_not_found"}}`:         "model's name",
		`404 not found`: "baseURL",
		`307 elsewhere`: "baseURL",
	} {
		m := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			status, _ := strconv.Atoi(body[:3])
			w.WriteHeader(status)
			fmt.Fprint(w, body[4:])
		})
		_, err := dial(t, m).Chat(t.Context(), &llm.Request{})
		if hint := fault.Hint(err); fault.Code(err) != fault.Config || !strings.Contains(hint, want) || !strings.Contains(hint, "finished work is kept") {
			t.Errorf("%s: %v, %q", body, err, hint)
		}
	}
}

func TestUnreachable(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	m := llm.Model{Name: "local", BaseURL: s.URL, Model: "m"}
	s.Close()
	_, err := dial(t, m).Chat(t.Context(), &llm.Request{})
	e, ok := errors.AsType[*llm.Error](err)
	if !ok || e.Class != llm.Retryable || e.Status != 0 || e.Code != "no_answer" || fault.Code(err) != fault.Temporary {
		t.Fatalf("got %#v", err)
	}
}

func TestTimeoutIsRetryable(t *testing.T) {
	for _, headers := range []bool{false, true} {
		m := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if headers {
				w.WriteHeader(200)
				w.(http.Flusher).Flush()
			}
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		})
		client := NewHTTPClient()
		client.Timeout = 50 * time.Millisecond
		c, err := New(m, Access{}, client)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Chat(t.Context(), &llm.Request{})
		client.CloseIdleConnections()
		if e, ok := errors.AsType[*llm.Error](err); !ok || e.Class != llm.Retryable || e.Code != "timeout" || e.Unanswered != (e.Status == 0) || e.Unanswered && !strings.Contains(err.Error(), "no answer within 50ms") {
			t.Errorf("headers sent %v: got %#v", headers, err)
		}
	}
}
