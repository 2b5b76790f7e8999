package prompt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gymline/gymline/internal/llm"
)

// Encode is an answer as conversations and training files have it: JSON on one
// line, with "<", ">" and "&" as they are. v must be plain data.
func Encode(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("prompt: %T is no plain data: %v", v, err))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Schema is a schema of that name and shape. The shape is JSON, laid out for the
// reader of the code; it is sent without the space.
func Schema(name, shape string) *llm.Schema {
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(shape)); err != nil {
		panic(fmt.Sprintf("prompt: the schema %q is no JSON: %v", name, err))
	}
	return &llm.Schema{Name: name, Schema: b.Bytes()}
}
