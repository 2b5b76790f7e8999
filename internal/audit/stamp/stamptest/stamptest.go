// Package stamptest has time-stamping authorities for tests.
package stamptest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
)

// An Authority stamps, with a certificate as a test wants it.
type Authority struct {
	testing.TB
	Root, own *x509.Certificate
	key       *ecdsa.PrivateKey
}

// New makes one for now, since the library signs that it does so now; change, where it is set, changes its certificate before it is signed.
func New(t testing.TB, now time.Time, change func(*x509.Certificate)) *Authority {
	t.Helper()
	made := func(c, by *x509.Certificate, key, signer *ecdsa.PrivateKey) *x509.Certificate {
		der, err := x509.CreateCertificate(nil, c, by, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		if c, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
		return c
	}
	newKey := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	rootKey, key := newKey(), newKey()
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotBefore: now.AddDate(-9, 0, 0), NotAfter: now.AddDate(9, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	root = made(root, root, rootKey, rootKey)
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		t.Fatal(err)
	}
	own := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "tsa"}, NotBefore: now.AddDate(0, -1, 0), NotAfter: now.AddDate(0, 1, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage}},
	}
	if change != nil {
		change(own)
	}
	return &Authority{t, root, made(own, root, key, rootKey), key}
}

// Roots are those that vouch for it.
func (a *Authority) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.Root)
	return pool
}

// Stamp answers that a signature was there at a time.
func (a *Authority) Stamp(signature []byte, at time.Time) []byte {
	a.Helper()
	sum := sha256.Sum256(signature)
	t := timestamp.Timestamp{
		HashAlgorithm: crypto.SHA256, HashedMessage: sum[:], Time: at, SerialNumber: big.NewInt(7), Policy: asn1.ObjectIdentifier{1, 2, 3},
		Certificates: []*x509.Certificate{a.Root}, AddTSACertificate: true,
	}
	der, err := t.CreateResponseWithOpts(a.own, a.key, crypto.SHA256)
	if err != nil {
		a.Fatal(err)
	}
	return der
}
