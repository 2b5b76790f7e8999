package openai

import (
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
)

const redacted = "[redacted]"

// A Key is an API key that prints, logs and encodes as "[redacted]". It holds a
// func rather than a string so that no formatting verb can reach the secret,
// not even where it is an unexported field of something printed.
type Key struct {
	reveal func() string
	others []Key // secrets that are scrubbed with it
}

// NewKey wraps a secret; white space around it, such as a file's last newline,
// is dropped. The zero Key and NewKey("") send no Authorization header.
func NewKey(secret string) Key {
	secret = strings.TrimSpace(secret)
	return Key{reveal: func() string { return secret }}
}

func (k Key) secret() string {
	if k.reveal == nil {
		return ""
	}
	return k.reveal()
}

// secrets are all that is scrubbed; the longest come first, lest a part of one is left.
func (k Key) secrets() (all []string) {
	for _, one := range append([]Key{k}, k.others...) {
		if s := one.secret(); s != "" {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return all
}

// Format implements fmt.Formatter for every verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

func (Key) String() string               { return redacted }
func (Key) GoString() string             { return redacted }
func (Key) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// masked matches keys that a provider echoes with their middle starred out.
var masked = regexp.MustCompile(`[^\s"']*\*{3,}[^\s"']*`)

// scrub removes the key from a text that will be shown.
func (k Key) scrub(text string) string {
	for _, s := range k.secrets() {
		text = hideEchoes(strings.ReplaceAll(text, s, redacted), s)
	}
	return masked.ReplaceAllString(text, redacted)
}

// minSecret is the length in bytes from which a key is taken for a secret:
// local servers are often given a word like "EMPTY", which answers may contain.
const minSecret = 16

// scrubAnswer removes the key from an answer, which is kept in artifacts.
func (k Key) scrubAnswer(text string) string {
	for _, s := range k.secrets() {
		if len(s) >= minSecret {
			text = strings.ReplaceAll(text, s, redacted)
		}
	}
	return text
}
