package s3_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/store/s3"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	const value = "hunter2hunter2"
	secret := s3.Secret(value)
	config := s3.Config{Endpoint: "http://minio:9000", AccessKey: "me", SecretKey: secret}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v", "%10v"} {
		fmt.Fprintf(&out, verb+"\n", secret, secret)
		fmt.Fprintf(&out, verb+"\n", config, &config)
		fmt.Fprintf(&out, verb+"\n", []s3.Secret{secret}, map[string]any{"k": config})
	}
	fmt.Fprintln(&out, secret, config, secret.String(), fmt.Errorf("wrapped: %v", config))
	for _, log := range []*slog.Logger{slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))} {
		log.Info("open", "secret", secret, "config", config)
	}
	if err := json.NewEncoder(&out).Encode(map[string]any{"secret": secret, "config": config}); err != nil {
		t.Fatal(err)
	}
	printed := out.String()
	for _, leak := range []string{value, fmt.Sprintf("%x", value), fmt.Sprintf("%X", value), "104 117 110 116 101 114"} {
		if i := strings.Index(printed, leak); i >= 0 {
			t.Errorf("printed the secret: %q", printed[max(0, i-60):i+len(leak)])
		}
	}
	if n := strings.Count(printed, "[redacted]"); n < 30 {
		t.Errorf("redacted %d times only", n)
	}
	if string(secret) != value {
		t.Error("the value is lost")
	}
}
