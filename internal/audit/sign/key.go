// Package sign signs a run: an in-toto statement with SLSA's provenance, over the seal and
// what it stands for, in a DSSE envelope, by a key of the standard library's. All that the
// statement says follows from the run's records, so that whoever verifies it makes it anew.
package sign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
)

// Types of PEM blocks.
const (
	privateBlock = "PRIVATE KEY"
	publicBlock  = "PUBLIC KEY"
)

// errKey says what a key has to be.
var errKey = errors.New("want Ed25519, or ECDSA on P-256, P-384 or P-521")

// Encode returns a key pair as PEM: PKCS #8 and SPKI.
func Encode(key crypto.Signer) (private, public []byte, err error) {
	p, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	q, err := x509.MarshalPKIXPublicKey(key.Public())
	return pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: p}), pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: q}), err
}

// Private reads a private key, PKCS #8 in PEM.
func Private(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != privateBlock {
		return nil, errors.New("no private key: want PKCS #8 in PEM, -----BEGIN PRIVATE KEY-----, as 'gymline keygen' writes it")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	switch k := key.(type) {
	case ed25519.PrivateKey:
		return k, nil
	case *ecdsa.PrivateKey:
		return k, nil
	}
	return nil, fmt.Errorf("private key of another kind: %w", errKey)
}

// Public reads a public key, SPKI in PEM.
func Public(text []byte) (crypto.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != publicBlock {
		return nil, errors.New("no public key: want SPKI in PEM, -----BEGIN PUBLIC KEY-----, as 'gymline keygen' writes it")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	switch key.(type) {
	case ed25519.PublicKey, *ecdsa.PublicKey:
		return key, nil
	}
	return nil, fmt.Errorf("public key of another kind: %w", errKey)
}

// ID identifies a public key: the sha256 of its SPKI, in hexadecimal.
func ID(key crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), err
}

// hashOf is the hash that goes with a key's curve; 0 of Ed25519, which hashes by itself.
func hashOf(key crypto.PublicKey) crypto.Hash {
	k, ok := key.(*ecdsa.PublicKey)
	switch {
	case !ok:
		return 0
	case k.Curve.Params().BitSize <= 256:
		return crypto.SHA256
	case k.Curve.Params().BitSize <= 384:
		return crypto.SHA384
	}
	return crypto.SHA512
}

func digest(h crypto.Hash, data []byte) []byte {
	switch h {
	case crypto.SHA256:
		sum := sha256.Sum256(data)
		return sum[:]
	case crypto.SHA384:
		sum := sha512.Sum384(data)
		return sum[:]
	case crypto.SHA512:
		sum := sha512.Sum512(data)
		return sum[:]
	}
	return data
}

// signature signs data; the same key and data give the same one.
func signature(key crypto.Signer, data []byte) ([]byte, error) {
	h := hashOf(key.Public())
	return key.Sign(nil, digest(h, data), h)
}

func verified(key crypto.PublicKey, data, sig []byte) bool {
	switch k := key.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(k, data, sig)
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, digest(hashOf(key), data), sig)
	}
	return false
}
