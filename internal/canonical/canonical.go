// Package canonical encodes values as the one JSON text that their digests are
// taken over: RFC 8785 (sorted keys, shortest numbers, no white space).
package canonical

import (
	"encoding/json"
	"fmt"

	"github.com/gowebpki/jcs"
)

// JSON returns v's canonical JSON. Integers must lie within ±2^53, because
// RFC 8785 numbers are IEEE doubles; config validation keeps them there.
func JSON(v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("canonical JSON: %w", err)
	}
	out, err := jcs.Transform(raw)
	if err != nil {
		return nil, fmt.Errorf("canonical JSON: %w", err)
	}
	return out, nil
}
