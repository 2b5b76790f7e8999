package llm

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// A Key identifies an exchange: sha256 over the digest of the model's identity and
// the canonical request, which includes the replicate. Package ledger makes them.
type Key [sha256.Size]byte

func (k Key) String() string { return hex.EncodeToString(k[:]) }

// MarshalText writes a key as 64 hex digits.
func (k Key) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, k[:]), nil }

// UnmarshalText reads what MarshalText wrote.
func (k *Key) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(k)) {
		return fmt.Errorf("%d hex digits are no key", len(text))
	}
	_, err := hex.Decode(k[:], text)
	return err
}
