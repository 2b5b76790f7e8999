package rows

import (
	"encoding/hex"

	"github.com/gymline/gymline/internal/llm"
)

// Calls are what models were asked for a row, in order: a line of calls.jsonl, which
// has none for rows that nobody was asked for. A try that was sent back is one of its
// own.
type Calls struct {
	ID    string `json:"id"` // of the row
	Calls []Call `json:"calls"`
}

// A Call tells one exchange from all others of its model.
type Call struct {
	Role string `json:"role"`
	Key  string `json:"key"` // ShortKey
}

// shortBytes of a key are enough: of a billion exchanges two have them in common with
// a chance of 3 %, and a million of 1 in 30 million.
const shortBytes = 8

// ShortKey is how a row names an exchange: the first 16 of its key's 64 hex digits.
func ShortKey(k llm.Key) string { return hex.EncodeToString(k[:shortBytes]) }
