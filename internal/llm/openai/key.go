package openai

import (
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
)

const redacted = "[redacted]"

// A Key is an API key that prints, logs and encodes as "[redacted]". It holds a
// func rather than a string so that no formatting verb can reach the secret,
// not even where it is an unexported field of something printed.
type Key struct {
	reveal func() string
	parts  func() parts // made once, as they take longer than all else of a failed call
	others []Key        // secrets that are scrubbed with it
}

// NewKey wraps a secret; white space around it, such as a file's last newline,
// is dropped. The zero Key and NewKey("") send no Authorization header.
func NewKey(secret string) Key {
	secret = strings.TrimSpace(secret)
	return Key{reveal: func() string { return secret }, parts: sync.OnceValue(func() parts { return partsOf(secret) })}
}

func (k Key) secret() string {
	if k.reveal == nil {
		return ""
	}
	return k.reveal()
}

// secrets are all that is scrubbed; the longest come first, lest a part of one is left.
func (k Key) secrets() (all []Key) {
	for _, one := range append([]Key{k}, k.others...) {
		if one.secret() != "" {
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b Key) int { return len(b.secret()) - len(a.secret()) })
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
	for _, one := range k.secrets() {
		text = one.parts().hide(strings.ReplaceAll(text, one.secret(), redacted))
	}
	return masked.ReplaceAllString(text, redacted)
}

// minSecret is the length in bytes from which a key is taken for a secret:
// local servers are often given a word like "EMPTY", which answers may contain.
const minSecret = 16

// scrubAnswer removes the key from an answer, which is kept in artifacts.
func (k Key) scrubAnswer(text string) string {
	for _, one := range k.secrets() {
		if s := one.secret(); len(s) >= minSecret {
			text = strings.ReplaceAll(text, s, redacted)
		}
	}
	return text
}
