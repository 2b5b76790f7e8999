package openai

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
)

// answered has a server give a body with status 200.
func answered(t *testing.T, body string) (*llm.Response, error) {
	t.Helper()
	m := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
	return dial(t, m).Chat(t.Context(), &llm.Request{Messages: []llm.Message{{Role: llm.User, Content: "hi"}}})
}

// A fingerprint stands beside the model, where both are texts.
func TestFingerprint(t *testing.T) {
	const rest = `"choices":[{"message":{"content":"yes"},"finish_reason":"stop"}]}`
	for beside, want := range map[string]string{
		`"model":"m-1","system_fingerprint":"fp_44",`: "m-1@fp_44", `"model":"m-1","system_fingerprint":null,`: "m-1", `"model":"m-1",`: "m-1",
		`"system_fingerprint":"fp_44",`: "", `"model":"m-1","system_fingerprint":7,`: "m-1",
	} {
		if got, err := answered(t, "{"+beside+rest); err != nil || got.Version() != want {
			t.Errorf("%s: %+v, %v, want %q", beside, got, err, want)
		}
	}
}

// TestAnswerIsReadForWhatIsNeeded: nothing else in it can spoil it.
func TestAnswerIsReadForWhatIsNeeded(t *testing.T) {
	const whole = `{"choices":[{"message":{"content":"yes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2}}`
	with := func(old, new string) string { return strings.Replace(whole, old, new, 1) }
	for name, body := range map[string]string{
		"created, a fraction":   with(`{"choices"`, `{"created":1.5e9,"id":7,"object":[],"choices"`),
		"system fingerprint":    with(`{"choices"`, `{"system_fingerprint":{"a":1},"service_tier":5,"choices"`),
		"model, a list":         with(`{"choices"`, `{"model":["a"],"choices"`),
		"index, a text":         with(`[{"message"`, `[{"index":"0","message"`),
		"logprobs with NaN":     with(`[{"message"`, `[{"logprobs":{"content":[{"logprob":NaN},{"logprob":-Infinity}]},"message"`),
		"role, a number":        with(`{"content"`, `{"role":1,"content"`),
		"refusal, false":        with(`{"content"`, `{"refusal":false,"content"`),
		"tool calls, an object": with(`{"content"`, `{"tool_calls":{},"function_call":"none","content"`),
		"audio, a text":         with(`{"content"`, `{"audio":"none","annotations":{},"content"`),
		"no error":              with(`{"choices"`, `{"error":null,"choices"`),
		"an empty error":        with(`{"choices"`, `{"error":{},"choices"`),
		"error 0":               with(`{"choices"`, `{"error":{"code":0,"message":"success"},"choices"`),
		"no error in a choice":  with(`[{"message"`, `[{"error":"","message"`),
		"a byte order mark":     "\ufeff" + whole,
		"space around":          "\n\n  " + whole + " \n",
		"something after":       whole + "\n{\"choices\":[]}",
		"content parts":         with(`"yes"`, `[{"type":"thinking","thinking":[{"type":"text","text":"no"}]},{"type":"text","text":"yes"}]`),
		"content texts":         with(`"yes"`, `["y","es"]`),
		"content, one part":     with(`"yes"`, `{"type":"text","text":"yes"}`),
		"reasoning beside":      with(`{"content"`, `{"reasoning_content":"no","reasoning":{"text":"no"},"content"`),
		"another choice":        with(`],"usage"`, `,{"index":1,"message":{"content":"no"}}],"usage"`),
		"as one text":           with(`{"content":"yes"}`, `"yes"`),
		"as a completion":       with(`"message":{"content":"yes"}`, `"text":"yes"`),
		"finish reason in caps": with(`"stop"`, `"STOP"`),
		"counted in fractions":  with(`9`, `9.0`),
		"counted in texts":      with(`9`, `"9"`),
		"details, a list":       with(`{"prompt_tokens"`, `{"prompt_tokens_details":[],"completion_tokens_details":5,"prompt_tokens"`),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := answered(t, body)
			want := llm.Response{Content: "yes", FinishReason: "stop", Usage: llm.Usage{Calls: 1, Prompt: 9, Completion: 2}}
			if err != nil || *got != want {
				t.Errorf("%s\ngot %+v, %v", body, got, err)
			}
		})
	}
	for name, tt := range map[string]struct{ body, content, finish string }{
		"the object itself":       {with(`"yes"`, `{"tasks": ["a"]}`), `{"tasks": ["a"]}`, "stop"},
		"a number":                {with(`"yes"`, `5`), `5`, "stop"},
		"a line break in a text":  {with(`yes`, "y\nes\t\\n"), "y\nes\t\n", "stop"},
		"NaN in a text":           {with(`[{"message":{"content":"yes"}`, `[{"logprobs":NaN,"message":{"content":"is \"NaN\""}`), `is "NaN"`, "stop"},
		"finish reason, a number": {with(`"stop"`, `1`), "yes", ""},
		"no finish reason":        {with(`"stop"`, `null`), "yes", ""},
		"Mistral's limit":         {with(`"stop"`, `"model_length"`), "yes", "length"},
		"Gemini's limit":          {with(`"stop"`, `"MAX_TOKENS"`), "yes", "length"},
	} {
		if got, err := answered(t, tt.body); err != nil || got.Content != tt.content || got.FinishReason != tt.finish {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, usage := range map[string]string{"none": `null`, "a list": `[]`, "a text": `"many"`, "texts": `{"prompt_tokens":"many","completion_tokens":{}}`} {
		got, err := answered(t, with(`{"prompt_tokens":9,"completion_tokens":2}`, usage))
		if err != nil || got.Usage != (llm.Usage{Calls: 1}) {
			t.Errorf("usage, %s: %+v, %v", name, got, err)
		}
	}
}

// TestReasoningIsNoAnswer: where the text is empty, it is named and not read.
func TestReasoningIsNoAnswer(t *testing.T) {
	for message, elsewhere := range map[string]string{
		`{"content":null,"reasoning_content":"{\"a\":1}"}`:                               "reasoning_content",
		`{"content":"","reasoning":"thought"}`:                                           "reasoning",
		`{"reasoning_content":"thought","tool_calls":[{"function":{"arguments":"{}"}}]}`: "reasoning_content, tool_calls",
		`{"content":[{"type":"thinking","thinking":"thought"}]}`:                         "content, in parts that are no text",
		`{"content":"","reasoning_content":"","tool_calls":[]}`:                          "",
		`{"content":"said","reasoning_content":"thought"}`:                               "",
	} {
		got, err := answered(t, `{"choices":[{"message":`+message+`,"finish_reason":"stop"}]}`)
		if err != nil || got.Elsewhere != elsewhere || strings.Contains(got.Content, "thought") {
			t.Errorf("%s: %+v, %v", message, got, err)
		}
	}
}

// TestFailureInAnAnswer: what says that it failed is no answer, whatever text
// comes with it, and is classed by what it is.
func TestFailureInAnAnswer(t *testing.T) {
	choice := func(more string) string {
		return `{"choices":[{"message":{"content":"{\"half"},` + more + `}],"usage":null}`
	}
	for name, tt := range map[string]struct {
		body   string
		status int
		class  llm.Class
		text   string
	}{
		"error in a choice":         {choice(`"finish_reason":"error","error":{"code":502,"message":"disconnected"}`), 502, llm.Retryable, "disconnected"},
		"error in a choice, a text": {choice(`"finish_reason":"stop","error":"upstream is gone"`), 200, llm.Retryable, "upstream is gone"},
		"finish reason alone":       {choice(`"finish_reason":"error"`), 200, llm.Retryable, "finish reason is error"},
		"network":                   {choice(`"finish_reason":"network_error"`), 200, llm.Retryable, "network_error"},
		"resources":                 {choice(`"finish_reason":"insufficient_system_resource"`), 200, llm.Retryable, "resource"},
		"aborted":                   {choice(`"finish_reason":"ABORT"`), 200, llm.Retryable, "abort"},
		"filtered":                  {choice(`"finish_reason":"content_filter"`), 200, llm.Refused, "withheld"},
		"filtered by Gemini":        {choice(`"finish_reason":"content_filter: SAFETY"`), 200, llm.Refused, "withheld"},
		"error beside the choices":  {`{"error":{"message":"overloaded","type":"overloaded_error"},"choices":[{"message":{"content":"x"}}]}`, 529, llm.Retryable, "overloaded"},
		"bad request in a choice":   {choice(`"error":{"code":400,"message":"too long"}`), 400, llm.Refused, "too long"},
		"no credit in a choice":     {choice(`"error":{"code":402,"message":"no credit"}`), 402, llm.Denied, "no credit"},
		"rate limit by its code":    {choice(`"error":{"code":"rate_limit_exceeded","message":"slow"}`), 429, llm.Retryable, "slow"},
		"no choice, and why":        {`{"choices":null,"base_resp":{"status_code":1004,"status_msg":"login fail"}}`, 200, llm.Retryable, "login fail"},
		"no choice, and a hint":     {`{"choices":[],"promptFeedback":{"blockReason":"SAFETY"}}`, 200, llm.Retryable, "SAFETY"},
		"an empty choice":           {`{"choices":[null]}`, 200, llm.Retryable, "no choice"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := answered(t, tt.body)
			e, ok := errors.AsType[*llm.Error](err)
			if !ok || e.Status != tt.status || e.Class != tt.class || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %+v, %#v", got, err)
			}
		})
	}
}

// TestWhatNoChatEndpointAnswers is suspected of the set-up, and quoted.
func TestWhatNoChatEndpointAnswers(t *testing.T) {
	for name, tt := range map[string]struct{ body, text string }{
		"a web page":     {`<!DOCTYPE html><html><head><title>Web UI</title><style>x{}</style></head><body><p>Log in</p></body></html>`, "Web UI: Log in"},
		"an error":       {`{"error":"Unexpected endpoint or method. (POST /chat/completions)"}`, "Unexpected endpoint"},
		"a status":       {`{"status":"running"}`, "running"},
		"a word":         {`Ollama is running`, "Ollama is running"},
		"a list":         {`[]`, "[]"},
		"choices, wrong": {`{"choices":{"a":1}}`, "choices"},
		"nothing":        {``, "empty"},
		"another stream": {"event: ping\ndata: {\"type\": \"ping\"}\n\n", "JSON"},
	} {
		_, err := answered(t, tt.body)
		e, ok := errors.AsType[*llm.Error](err)
		if !ok || !e.Setup || e.Class != llm.Retryable || !strings.Contains(err.Error(), tt.text) || !strings.Contains(fault.Hint(err), "baseURL") {
			t.Errorf("%s: %#v, %v, %q", name, e, err, fault.Hint(err))
		}
	}
	for name, body := range map[string]string{"half of one": `{"choices":[{"mess`, "no choice": `{"choices":[],"usage":{"prompt_tokens":4}}`, "a passing error": `{"error":{"code":503,"message":"x"}}`} {
		_, err := answered(t, body)
		if e, ok := errors.AsType[*llm.Error](err); !ok || e.Setup || e.Class != llm.Retryable {
			t.Errorf("%s: %#v", name, err)
		}
	}
}

// TestStreamIsPutTogether, of a server that streams whatever it is asked for.
func TestStreamIsPutTogether(t *testing.T) {
	chunk := func(content, finish string) string {
		return `{"object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":` + content + `},"finish_reason":` + finish + `}]}`
	}
	a, b, end := chunk(`"{\"a\":"`, "null"), chunk(`"1}"`, "null"), chunk("null", `"stop"`)
	const usage = `{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}`
	for name, body := range map[string]string{
		"whole":           "data: " + a + "\n\ndata: " + b + "\n\ndata: " + end + "\n\ndata: " + usage + "\n\ndata: [DONE]\n\n",
		"comments, CRLF":  ": waking up\r\n\r\nevent: message\r\ndata:" + a + "\r\n\r\ndata:" + b + "\r\n\r\ndata:" + end + "\r\n\r\ndata:" + usage + "\r\n\r\n",
		"no empty lines":  "data: " + a + "\ndata: " + b + "\ndata: " + end + "\ndata: " + usage + "\ndata: [DONE]",
		"without a frame": a + "\n" + b + "\n" + end + "\n" + usage,
	} {
		got, err := answered(t, body)
		want := llm.Response{Content: `{"a":1}`, FinishReason: "stop", Model: "m", Usage: llm.Usage{Calls: 1, Prompt: 7, Completion: 3}}
		if err != nil || *got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, tt := range map[string]struct{ body, text string }{
		"cut":           {"data: " + a + "\n\n", "ends before"},
		"cut in a part": {"data: " + a + "\n\ndata: " + b[:20], "JSON"},
		"an error":      {"data: " + a + "\n\nevent: error\ndata: {\"error\":{\"message\":\"gone\"}}\n\n", "gone"},
		"nothing":       {"data: [DONE]\n\n", "no choice"},
	} {
		_, err := answered(t, tt.body)
		if e, ok := errors.AsType[*llm.Error](err); !ok || e.Class != llm.Retryable || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzAnswer: whatever a server sends with whatever status, it is an answer or a
// failure with words, which is classed, short and without the key.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		reply("hello"), `{"choices":[{"message":{"content":[{"type":"text","text":"a"}]}}]}`, `{"choices":[{"delta":{"content":"a"}}]}`,
		"data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n", `{"error":{"message":"m","code":429,"details":[{"reason":"r","retryDelay":"9s"}]}}`,
		`[{"error":{"code":400,"status":"INVALID_ARGUMENT"}}]`, `{"message":{"detail":[{"msg":"x"}]}}`, `{"choices":[{"error":{"code":"502"},"finish_reason":"error"}]}`,
		`<html><title>502</title></html>`, "\ufeff{\"choices\":[{\"logprobs\":NaN,\"text\":\"a\nb\"}]}", `{"choices":[],"usage":{"prompt_tokens":-1e99,"prompt_tokens_details":{"cached_tokens":"9"}}}`, `"`, `{`, ``,
	} {
		f.Add(200, body)
		f.Add(400, body)
	}
	b, err := NewBatches(llm.Model{Name: "gpt", BaseURL: "http://localhost/v1", Model: "m"}, Access{Key: NewKey(canary)}, NewHTTPClient())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			return
		}
		resp, err := b.Answer(t.Context(), status, []byte(body+canary))
		if err == nil {
			if status >= 300 || resp.Usage.Calls != 1 || strings.Contains(resp.Content, canary) || resp.Elsewhere != "" && strings.TrimSpace(resp.Content) != "" {
				t.Errorf("status %d, %q was read as %+v", status, body, resp)
			}
			return
		}
		e, ok := errors.AsType[*llm.Error](err)
		if !ok || e.Err.Error() == "" || len(err.Error()) > 700 || strings.Contains(err.Error(), canary) || strings.ContainsAny(e.Err.Error(), "\r\n") || e.RetryAfter < 0 {
			t.Errorf("status %d, %q: %#v, %v", status, body, e, err)
		}
	})
}
