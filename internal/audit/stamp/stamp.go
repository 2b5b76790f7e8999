// Package stamp reads and verifies time stamps of RFC 3161 over signatures: a time-stamping
// authority's word that a signature was there at a time. It makes the request; whoever has a
// network sends it. Verifying needs the authority's root certificates and nothing else.
package stamp

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"
)

// maxBytes bounds a response, which is a few kilobytes with all its certificates.
const maxBytes = 64 << 10

var (
	tstInfo     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4} // the content of a time stamp
	extKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}
)

// A Record is a time stamp as it lies among a run's signatures.
type Record struct {
	Format int `json:"format"`
	// Of is the sha256 of the signature's bytes.
	Of       string `json:"of"`
	Response []byte `json:"timestampResponse"` // DER
}

// A Stamp was read: it is what its signer signed, whoever that is.
type Stamp struct {
	Time   time.Time // genTime
	info   *timestamp.Timestamp
	token  *pkcs7.PKCS7
	signer *x509.Certificate
	der    []byte
}

// Request is a request for a time stamp over a signature's bytes: DER, as
// application/timestamp-query. It wants the certificates and has no nonce: whose response it
// is shows by the signature.
func Request(signature []byte) ([]byte, error) {
	return timestamp.CreateRequest(bytes.NewReader(signature), &timestamp.RequestOptions{Hash: crypto.SHA256, Certificates: true})
}

// parsing is held while pkcs7 parses, which counts the depth of its nesting in a global variable.
var parsing sync.Mutex

func parse(der []byte) (info *timestamp.Timestamp, token *pkcs7.PKCS7, err error) {
	parsing.Lock()
	defer parsing.Unlock()
	if info, err = timestamp.ParseResponse(der); err == nil {
		token, err = pkcs7.Parse(info.RawToken)
	}
	return info, token, err
}

// Parse reads a response, DER as application/timestamp-reply, and holds it against itself.
func Parse(der []byte) (*Stamp, error) {
	if len(der) > maxBytes {
		return nil, fmt.Errorf("no time stamp: it has more than %d bytes", maxBytes)
	}
	info, token, err := parse(der)
	if err != nil {
		return nil, fmt.Errorf("no time stamp: %w", err)
	}
	signer := token.GetOnlySigner()
	if signer == nil {
		return nil, errors.New("the time stamp has not its signer's certificate: ask for certificates, as 'openssl ts -query -cert' does")
	}
	var content asn1.ObjectIdentifier
	if err := token.UnmarshalSignedAttribute(pkcs7.OIDAttributeContentType, &content); err != nil || !content.Equal(tstInfo) {
		return nil, errors.New("no time stamp: what is signed is another thing")
	}
	switch info.HashAlgorithm {
	case crypto.SHA256, crypto.SHA384, crypto.SHA512:
	default:
		return nil, fmt.Errorf("the time stamp is over a hash by %s: want SHA-256, SHA-384 or SHA-512", info.HashAlgorithm)
	}
	return &Stamp{Time: info.Time, info: info, token: token, signer: signer, der: der}, nil
}

// Over reports whether the time stamp is over a signature's bytes.
func (s *Stamp) Over(signature []byte) bool {
	h := s.info.HashAlgorithm.New()
	h.Write(signature)
	return bytes.Equal(h.Sum(nil), s.info.HashedMessage)
}

// Signer is what the authority calls itself.
func (s *Stamp) Signer() string { return s.signer.Subject.String() }

// Trusted holds the signer's certificate against roots, at the time of the stamp: it has to be
// one for time stamps alone.
func (s *Stamp) Trusted(roots *x509.CertPool) error {
	critical := slices.ContainsFunc(s.signer.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(extKeyUsage) && e.Critical })
	if !critical || len(s.signer.UnknownExtKeyUsage) > 0 || !slices.Equal(s.signer.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}) {
		return fmt.Errorf("%s is no certificate for time stamps alone", s.Signer())
	}
	between := x509.NewCertPool()
	for _, c := range s.token.Certificates {
		between.AddCert(c)
	}
	return s.token.VerifyWithOpts(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: s.Time, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping},
	})
}

// RecordOf is the record of a time stamp over a signature's bytes.
func (s *Stamp) RecordOf(signature []byte) ([]byte, error) {
	sum := sha256.Sum256(signature)
	return json.MarshalIndent(Record{1, hex.EncodeToString(sum[:]), s.der}, "", "  ")
}

// IsRecord reports whether an object among signatures is meant as a time stamp.
func IsRecord(data []byte) bool {
	var r map[string]json.RawMessage
	return json.Unmarshal(data, &r) == nil && r["timestampResponse"] != nil
}

// Read reads a record.
func Read(data []byte) (*Record, *Stamp, error) {
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, nil, fmt.Errorf("no time stamp: %w", err)
	}
	s, err := Parse(r.Response)
	return &r, s, err
}

// Roots reads certificates in PEM.
func Roots(text []byte) (*x509.CertPool, error) {
	pool, n := x509.NewCertPool(), 0
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", n+1, err)
		}
		pool.AddCert(c)
		n++
	}
	if n == 0 {
		return nil, errors.New("no certificate: want PEM, -----BEGIN CERTIFICATE-----")
	}
	return pool, nil
}
