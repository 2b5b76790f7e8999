package s3

import (
	"fmt"
	"io"
	"log/slog"
)

// A Secret is a value that prints as "[redacted]" in every way that this
// program prints values; string(s) is the value itself.
type Secret string

const redacted = "[redacted]"

// Format implements fmt.Formatter, for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// String implements fmt.Stringer.
func (Secret) String() string { return redacted }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler, for JSON and YAML.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
