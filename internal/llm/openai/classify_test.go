package openai

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
)

// refused has a server answer "STATUS BODY".
func refused(t *testing.T, answer string) *llm.Error {
	t.Helper()
	m := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		status, _ := strconv.Atoi(answer[:3])
		w.WriteHeader(status)
		fmt.Fprint(w, answer[4:])
	})
	_, err := dial(t, m).Chat(t.Context(), &llm.Request{})
	e, ok := errors.AsType[*llm.Error](err)
	if !ok {
		t.Fatalf("%s: %v", answer, err)
	}
	return e
}

// TestPassingWantsAreTriedAgain, whatever the status or the dialect.
func TestPassingWantsAreTriedAgain(t *testing.T) {
	for _, answer := range []string{
		`498 {"error":{"message":"Flex tier capacity exceeded","type":"internal_server_error","code":"capacity_exceeded"}}`,
		`424 {"error":"Request failed during generation","error_type":"generation"}`,
		`425 `, `499 client closed request`, `423 locked`, `408 `, `409 `, `529 {"type":"error","error":{"type":"overloaded_error"}}`, `520 <html>unknown</html>`,
		`429 {"message":"Requests rate limit exceeded"}`, `429 {"error":{"code":"429","message":"slow"}}`, `429 {"detail":"Too many"}`, `429 <html>busy</html>`,
		`429 [{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"@type":"QuotaFailure"},{"retryDelay":"21s"}]}}]`,
		`400 {"error":{"code":"rate_limit_exceeded","message":"slow"}}`, `400 {"error":{"status":"UNAVAILABLE","message":"overloaded"}}`, `404 {"error":{"code":"model_loading"}}`,
	} {
		if e := refused(t, answer); e.Class != llm.Retryable || e.Setup || fault.Code(e) != fault.Temporary {
			t.Errorf("%s: %+v", answer, e)
		}
	}
	for answer, wait := range map[string]time.Duration{
		`429 [{"error":{"code":429,"details":[{"retryDelay":"21.5s"}]}}]`: 21500 * time.Millisecond,
		`429 {"error":{"message":"slow","retry_after":3}}`:                3 * time.Second,
		`429 {"error":{"message":"slow","retry_after":-3}}`:               0,
	} {
		if e := refused(t, answer); e.RetryAfter != wait {
			t.Errorf("%s: waits %v", answer, e.RetryAfter)
		}
	}
}

// TestSetUpIsToldFromARow: what every request meets ends the run at once where a
// code says so, and is suspected where none does; what is about one text is not.
func TestSetUpIsToldFromARow(t *testing.T) {
	for answer, remedy := range map[string]string{
		`400 [{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"@type":"ErrorInfo","reason":"API_KEY_INVALID"}]}}]`: "apiKey",
		`400 {"error":{"code":400,"message":"User location is not supported","status":"FAILED_PRECONDITION"}}`:                                                 "region",
		`400 {"error":{"code":"InvalidApiKey","message":"x"}}`:                                                                                                 "apiKey",
		`200 {"error":{"code":"invalid_api_key","message":"x"}}`:                                                                                               "apiKey",
		`403 {"error":{"code":"unsupported_country_region_territory"}}`:                                                                                        "region",
		`400 {"error":{"code":"model_not_found"}}`:                                                                                                             "model's name",
		`404 {"error":{"code":"DeploymentNotFound"}}`:                                                                                                          "model's name",
		`405 {"detail":"Method Not Allowed"}`:                                                                                                                  "baseURL",
		`407 <html><title>Proxy Authentication Required</title></html>`:                                                                                        "NO_PROXY",
		`401 {"code":16,"message":"unauthenticated"}`:                                                                                                          "apiKey",
	} {
		e := refused(t, answer)
		if e.Class != llm.Denied || fault.Code(e) != fault.Config || !strings.Contains(e.Hint(), remedy) {
			t.Errorf("%s: %+v, %q", answer, e, e.Hint())
		}
	}
	for answer, suspected := range map[string]bool{
		`400 {"error":{"message":"foo/bar is not a valid model ID","code":400}}`:          true,
		`422 {"detail":[{"loc":["body","seed"],"msg":"Extra inputs are not permitted"}]}`: true,
		`400 Client sent an HTTP request to an HTTPS server.`:                             true,
		`418 {"error":"teapot"}`: true,
		`400 {"error":{"code":"context_length_exceeded","message":"too long"}}`:                                         false,
		`400 {"error":{"code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation"}}}`:                  false,
		`403 {"error":{"code":403,"message":"flagged","metadata":{"reasons":["violence"],"flagged_input":"the text"}}}`: false,
		`413 {"error":{"code":"rate_limit_exceeded","type":"tokens","message":"too large for the limit"}}`:              false,
	} {
		if e := refused(t, answer); e.Class != llm.Refused || e.Setup != suspected || e.Silent() {
			t.Errorf("%s: %+v", answer, e)
		}
	}
}

// TestReasonIsNeverLost, in whatever shape it comes.
func TestReasonIsNeverLost(t *testing.T) {
	const reason = "Extra inputs are not permitted"
	for _, body := range []string{
		`{"object":"error","message":{"detail":[{"loc":["body","seed"],"msg":"%s"}]},"type":"invalid_request_error"}`,
		`{"message":["%s"]}`, `{"msg":"%s"}`, `{"error_msg":"%s","error_code":17}`, `{"Message":"%s"}`, `{"title":"Bad Request","status":400,"detail":"%s"}`,
		`{"error":{"message":{"text":"%s"}}}`, `{"error":{"reason":"%s"}}`, `{"error":"Bad Request","message":"%s"}`, `{"error":["%s"]}`, `{"errors":[{"code":1,"message":"%s"}]}`, `{"errors":{"seed":["%s"]}}`,
		`{"fault":{"faultstring":"%s"}}`, `{"success":false,"result":{"why":"%s"}}`, `["%s"]`, `"%s"`, `[[{"x":"%s"}]]`, `%s`, "\ufeff{\"detail\":\"%s\"}",
		`{"error":{"message":"Provider returned error","metadata":{"raw":"{\"detail\":\"%s\"}","provider_name":"x"}}}`,
		`{"error":{"message":"","innererror":{"message":"%s"}}}`, `<html><head><style>a{b}</style></head><body><h1>400</h1> <p>%s</p></body></html>`, `<Error><Message>%s</Message></Error>`,
	} {
		body = fmt.Sprintf(body, reason)
		if e := refused(t, "422 "+body); !strings.Contains(e.Error(), reason) {
			t.Errorf("%s: %v", body, e)
		}
	}
	for body, want := range map[string]string{
		`{"detail":"no seed"}`:                                  "model gpt: HTTP 422: no seed",
		`{"error":{"message":"bad\n\n seed","code":"unknown"}}`: "model gpt: HTTP 422 unknown: bad seed",
		`{"error":{"code":422,"message":"no seed","type":"x"}}`: "model gpt: HTTP 422 x: no seed",
		`{}`: "model gpt: HTTP 422: Unprocessable Entity",
	} {
		if e := refused(t, "422 "+body); e.Error() != want {
			t.Errorf("%s: %v, want %s", body, e, want)
		}
	}
}
