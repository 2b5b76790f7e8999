package openai

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/llm"
)

// TestWhatKeepsACallFromItsServer: what depends on the set-up is denied, or
// suspected, with what a person can do; what may pass is neither.
func TestWhatKeepsACallFromItsServer(t *testing.T) {
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, reply("x")) })
	secure, plain := httptest.NewTLSServer(answer), httptest.NewServer(answer)
	defer secure.Close()
	defer plain.Close()
	proxy := func(status int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(s.Close)
		return s.URL
	}
	for name, tt := range map[string]struct {
		baseURL, proxy string
		class          llm.Class
		setup          bool
		remedy         string
	}{
		"an authority that nobody knows": {secure.URL, "", llm.Denied, false, "SSL_CERT_FILE"},
		"https to http":                  {strings.Replace(plain.URL, "http:", "https:", 1), "", llm.Denied, false, "http://"},
		"http to https":                  {strings.Replace(secure.URL, "https:", "http:", 1), "", llm.Refused, true, "mend"},
		"no such host":                   {"http://gymline-test.invalid", "", llm.Retryable, true, "baseURL"},
		"a proxy wants a password":       {"https://llm.invalid", proxy(407), llm.Denied, false, "NO_PROXY"},
		"so for http":                    {"http://llm.invalid", proxy(407), llm.Denied, false, "NO_PROXY"},
		"a proxy forbids":                {"https://llm.invalid", proxy(403), llm.Denied, false, "NO_PROXY"},
		"a proxy is busy":                {"https://llm.invalid", proxy(503), llm.Retryable, false, ""},
		"no proxy":                       {"https://llm.invalid", "http://127.0.0.1:1", llm.Retryable, false, "proxy"},
	} {
		t.Run(name, func(t *testing.T) {
			client := NewHTTPClient()
			defer client.CloseIdleConnections()
			client.Transport.(patient).Proxy = func(*http.Request) (*url.URL, error) {
				if tt.proxy == "" {
					return nil, nil
				}
				return url.Parse(tt.proxy)
			}
			c, err := New(llm.Model{Name: "gpt", BaseURL: tt.baseURL + "/v1", Model: "m"}, Access{}, client)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Chat(t.Context(), &llm.Request{})
			e, ok := errors.AsType[*llm.Error](err)
			if !ok || e.Class != tt.class || e.Setup != tt.setup || !strings.Contains(e.Hint(), tt.remedy) {
				t.Errorf("%+v, %v, %q", e, err, e.Hint())
			}
		})
	}
}
