package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/llm"
)

// An Identity is everything about a model that its answers depend on: what its
// requests hold, where they go, and as of which occasion. Its name in the experiment, its price, and
// what its calls show to be let in (key, headers, URL parameters) are no part of it.
type Identity struct {
	Provider    string   `json:"provider"`
	BaseURL     string   `json:"baseURL"`
	Model       string   `json:"model"`
	Temperature *float64 `json:"temperature,omitempty"`
	TopP        *float64 `json:"topP,omitempty"`
	MaxTokens   int      `json:"maxTokens,omitempty"`
	Schema      string   `json:"schema"`
	AsOf        string   `json:"asOf,omitempty"`
	llm.Dialect
}

// IdentityOf returns a model's identity, with defaults filled in.
func IdentityOf(m llm.Model) Identity {
	return Identity{
		Provider: m.Provider, BaseURL: m.Endpoint(), Model: m.Model,
		Temperature: m.Temperature, TopP: m.TopP, MaxTokens: m.MaxTokens, Schema: m.Mode(), AsOf: m.AsOf, Dialect: m.Dialect,
	}
}

// A keyList is written as one string of 64 hex digits a key, which a reader of
// a million takes in whole.
type keyList []llm.Key

func (l keyList) MarshalText() ([]byte, error) {
	out := make([]byte, 0, len(l)*2*sha256.Size)
	for _, k := range l {
		out = hex.AppendEncode(out, k[:])
	}
	return out, nil
}

func (l *keyList) UnmarshalText(text []byte) error {
	if len(text)%(2*sha256.Size) != 0 {
		return fmt.Errorf("%d hex digits are no list of keys", len(text))
	}
	*l = make(keyList, len(text)/(2*sha256.Size))
	for i := range *l {
		if _, err := hex.Decode((*l)[i][:], text[i*2*sha256.Size:(i+1)*2*sha256.Size]); err != nil {
			return err
		}
	}
	return nil
}

// digest returns the sha256 of the identity's canonical JSON.
func (id Identity) digest() ([sha256.Size]byte, error) {
	data, err := canonical.JSON(id)
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("ledger: model identity: %w", err)
	}
	return sha256.Sum256(data), nil
}

// Keys returns how requests to a model are identified, and the prefix of what
// the bucket keeps of that model.
func Keys(m llm.Model) (of func(*llm.Request) (llm.Key, error), prefix string, err error) {
	digest, err := IdentityOf(m).digest()
	if err != nil {
		return nil, "", err
	}
	return func(req *llm.Request) (llm.Key, error) {
		_, key, err := keyOf(digest, req)
		return key, err
	}, prefixOf(digest), nil
}

// IsSegment reports whether a key below such a prefix is a segment's, which never changes.
func IsSegment(prefix, key string) bool {
	o, ok := parseKey(prefix, key)
	return ok && o.journal == ""
}

func prefixOf(identity [sha256.Size]byte) string {
	return "ledger/" + hex.EncodeToString(identity[:]) + "/"
}

// keyOf returns a request's canonical JSON and its key under an identity.
func keyOf(identity [sha256.Size]byte, req *llm.Request) (canon []byte, key llm.Key, err error) {
	if canon, err = canonicalRequest(req); err != nil {
		return nil, llm.Key{}, fmt.Errorf("ledger: request: %w", err)
	}
	return canon, exchangeKey(identity, canon), nil
}

func exchangeKey(identity [sha256.Size]byte, canon []byte) (key llm.Key) {
	h := sha256.New()
	h.Write(identity[:])
	h.Write(canon)
	h.Sum(key[:0])
	return key
}
