package openai

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
)

func TestNewRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ url, key string }{
		"no scheme": {"api.example.com/v1", ""},
		"file":      {"file:///etc", ""},
		"user info": {"https://me:" + canary + "@example.com", ""},
		"query":     {"https://example.com/v1?key=" + canary, ""},
		"not a URL": {"http://[" + canary, ""},
		"two keys":  {"https://example.com", canary + "\n" + canary},
		"quoted":    {"https://example.com", "“" + canary + "”"},
		"header":    {"https://example.com", "header " + canary + "\r\nx: y"},
	} {
		shown := Access{Key: NewKey(tt.key)}
		if value, ok := strings.CutPrefix(tt.key, "header "); ok {
			shown = Access{Headers: []Header{{"api-key", NewKey(value), true}}}
		}
		_, err := New(llm.Model{Name: "m", BaseURL: tt.url}, shown, NewHTTPClient())
		if err == nil || fault.Code(err) != fault.Config || fault.Hint(err) == "" || strings.Contains(err.Error()+fault.Hint(err), canary) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestKeyNeverShows prints a key, and what holds one, in every way.
func TestKeyNeverShows(t *testing.T) {
	key := NewKey(canary + "\n")
	shown := Access{Key: key, Headers: []Header{{"api-key", key, true}, {"x-title", key, false}}}
	c, err := New(llm.Model{Name: "m", BaseURL: "http://localhost"}, shown, NewHTTPClient())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "key", key, "in", struct{ Key Key }{key}, "c", c)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "key", key, "in", struct{ Key Key }{key}, "c", c)
	for _, v := range []any{key, &key, struct{ k Key }{key}, map[string]Key{"k": key}, c, []any{c}, shown, &shown} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%T"} {
			fmt.Fprintf(&out, verb, v)
		}
		data, err := json.Marshal(v)
		fmt.Fprintf(&out, "%s %v", data, err)
	}
	out.WriteString(key.String() + key.GoString())
	for _, secret := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary)} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("shows the key: %s", out.String())
		}
	}
	if key.secret() != canary {
		t.Error("the key is lost")
	}
}
