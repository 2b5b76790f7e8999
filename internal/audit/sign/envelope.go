package sign

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// payloadType is of in-toto statements.
const payloadType = "application/vnd.in-toto+json"

// An Envelope is DSSE's, v1: https://github.com/secure-systems-lab/dsse. Its library would
// link SSH for the names of keys; what is needed of it is below.
type Envelope struct {
	PayloadType string      `json:"payloadType"`
	Payload     string      `json:"payload"` // base64
	Signatures  []Signature `json:"signatures"`
}

// A Signature is one key's.
type Signature struct {
	KeyID string `json:"keyid,omitempty"`
	Sig   string `json:"sig"` // base64
}

// encoded is what is signed: DSSE's pre-authentication encoding.
func encoded(kind string, payload []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(kind), kind, len(payload), payload)
}

// Seal puts a statement into an envelope.
func Seal(payload []byte, key crypto.Signer) (*Envelope, error) {
	id, err := ID(key.Public())
	if err != nil {
		return nil, err
	}
	sig, err := signature(key, encoded(payloadType, payload))
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return &Envelope{payloadType, base64.StdEncoding.EncodeToString(payload), []Signature{{id, base64.StdEncoding.EncodeToString(sig)}}}, nil
}

// Read reads an envelope and its payload, whoever signed it.
func Read(data []byte) (*Envelope, []byte, error) {
	var e Envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, nil, fmt.Errorf("no DSSE envelope: %w", err)
	}
	if e.PayloadType != payloadType || len(e.Signatures) == 0 {
		return nil, nil, errors.New("no DSSE envelope of a signed in-toto statement")
	}
	payload, err := base64.StdEncoding.DecodeString(e.Payload)
	if err != nil {
		return nil, nil, fmt.Errorf("the envelope's payload: %w", err)
	}
	return &e, payload, nil
}

// Raw is the signature's bytes, which a time stamp is over; nil: they cannot be read.
func (e *Envelope) Raw() []byte {
	sig, err := base64.StdEncoding.DecodeString(e.Signatures[0].Sig)
	if err != nil {
		return nil
	}
	return sig
}

// By reports whether a key signed the envelope.
func (e *Envelope) By(key crypto.PublicKey, payload []byte) bool {
	for _, s := range e.Signatures {
		if sig, err := base64.StdEncoding.DecodeString(s.Sig); err == nil && verified(key, encoded(e.PayloadType, payload), sig) {
			return true
		}
	}
	return false
}
