// Package oms signs sets of files as the OpenSSF Model Signing specification says, 1.0
// (https://github.com/ossf/model-signing-spec): a Sigstore bundle whose DSSE envelope holds
// an in-toto statement with the sha256 of every file. It knows the method "key" on NIST's
// curves, files hashed whole by sha256, and no links; all else it refuses by name.
package oms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/audit/sign"
	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/store"
)

// What the formats are called.
const (
	mediaType     = "application/vnd.dev.sigstore.bundle.v0.3+json"
	anyBundle     = "application/vnd.dev.sigstore.bundle"
	statementType = "https://in-toto.io/Statement/v1"
	predicateType = "https://model_signing/signature/v1.0"
	sha256Name    = "sha256"
	wholeFiles    = "files"
)

// unsigned are paths of a set's root that the specification leaves out.
var unsigned = []string{".git", ".gitattributes", ".github", ".gitignore"}

// bundleJSON is Sigstore's bundle, as far as the method "key" fills it.
type bundleJSON struct {
	MediaType string `json:"mediaType"`
	Material  struct {
		PublicKey *publicKey        `json:"publicKey"`
		Log       []json.RawMessage `json:"tlogEntries"`
	} `json:"verificationMaterial"`
	Envelope json.RawMessage `json:"dsseEnvelope"`
}

type publicKey struct {
	Hint     string `json:"hint,omitempty"`
	RawBytes string `json:"rawBytes,omitempty"` // of the tool's bundles before 1.1
}

// A Statement is what is signed.
type Statement struct {
	Type          string          `json:"_type"`
	Subject       []sign.Resource `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     struct {
		Resources     []Resource    `json:"resources"`
		Serialization Serialization `json:"serialization"`
	} `json:"predicate"`
}

// A Resource is a file.
type Resource struct {
	Name      string `json:"name"`
	Algorithm string `json:"algorithm"`
	Digest    string `json:"digest"`
}

// Serialization says how files were hashed, and which are left out.
type Serialization struct {
	Method        string   `json:"method"`
	HashType      string   `json:"hash_type"`
	AllowSymlinks bool     `json:"allow_symlinks"`
	IgnorePaths   []string `json:"ignore_paths,omitempty"`
}

// A Bundle was read, whoever signed it.
type Bundle struct {
	Statement Statement
	Payload   []byte
	hint      string // "" of an old one
	envelope  *sign.Envelope
}

// Supports reports whether the specification knows a kind of key.
func Supports(key crypto.PublicKey) bool {
	_, ok := key.(*ecdsa.PublicKey)
	return ok
}

// Hint is how a bundle names a key: the sha256 of its PEM.
func Hint(key crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	sum := sha256.Sum256(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	return hex.EncodeToString(sum[:]), err
}

// Signature is what a bundle is called beside its files, and OwnSignature where one of them
// is called so.
const Signature, OwnSignature = "model.sig", "model.gymline.sig"

// FileName is what a set's bundle is called beside its files.
func FileName(files []store.TreeFile) string {
	if slices.ContainsFunc(files, func(f store.TreeFile) bool { return f.Path == Signature }) {
		return OwnSignature
	}
	return Signature
}

// Of is the statement over a set of files: canonical JSON. nil: it has none that are signed.
func Of(name string, files []store.TreeFile) ([]byte, error) {
	s := Statement{Type: statementType, PredicateType: predicateType}
	s.Predicate.Serialization = Serialization{Method: wholeFiles, HashType: sha256Name, IgnorePaths: append(slices.Clone(unsigned), FileName(files))}
	for _, f := range files {
		if !ignored(f.Path, unsigned) {
			s.Predicate.Resources = append(s.Predicate.Resources, Resource{f.Path, sha256Name, string(f.Digest)})
		}
	}
	if len(s.Predicate.Resources) == 0 {
		return nil, nil
	}
	slices.SortFunc(s.Predicate.Resources, func(a, b Resource) int { return strings.Compare(a.Name, b.Name) })
	root, err := rootOf(s.Predicate.Resources)
	if err != nil {
		return nil, err
	}
	s.Subject = []sign.Resource{{Name: name, Digest: map[string]string{sha256Name: root}}}
	return canonical.JSON(s)
}

// rootOf is the digest over the digests, in the order that they are in.
func rootOf(list []Resource) (string, error) {
	sum := sha256.New()
	for _, r := range list {
		d, err := hex.DecodeString(r.Digest)
		if err != nil || len(d) != sha256.Size {
			return "", fmt.Errorf("%s: %q is no sha256", r.Name, r.Digest)
		}
		sum.Write(d)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// ignored reports whether a path is one of those, or below one.
func ignored(path string, list []string) bool {
	return slices.ContainsFunc(list, func(i string) bool { return path == i || strings.HasPrefix(path, i+"/") })
}

// Sign puts a statement into a bundle; the same key and statement give the same one.
func Sign(statement []byte, key crypto.Signer) ([]byte, error) {
	if !Supports(key.Public()) {
		return nil, errors.New("model signatures want a key on a curve of NIST's")
	}
	e, err := sign.Seal(statement, key)
	if err != nil {
		return nil, err
	}
	e.Signatures[0].KeyID = "" // the bundle says so in its own words
	hint, err := Hint(key.Public())
	if err != nil {
		return nil, err
	}
	b := bundleJSON{MediaType: mediaType}
	b.Material.PublicKey, b.Material.Log = &publicKey{Hint: hint}, []json.RawMessage{}
	if b.Envelope, err = json.Marshal(e); err != nil {
		return nil, err
	}
	return json.Marshal(b)
}

// IsBundle reports whether a signature is meant as a bundle.
func IsBundle(data []byte) bool {
	var b struct{ MediaType string }
	return json.Unmarshal(data, &b) == nil && strings.HasPrefix(b.MediaType, anyBundle)
}

// Read reads a bundle and holds it against the specification, whoever signed it.
func Read(data []byte) (*Bundle, error) {
	var b bundleJSON
	if err := json.Unmarshal(data, &b); err != nil {
		return nil, fmt.Errorf("no Sigstore bundle: %w", err)
	}
	if !strings.HasPrefix(b.MediaType, anyBundle) {
		return nil, fmt.Errorf("no Sigstore bundle: its media type is %q", b.MediaType)
	}
	k := b.Material.PublicKey
	if k == nil || k.Hint == "" && k.RawBytes == "" {
		return nil, errors.New("the bundle is by no key: certificates and Sigstore's identities are not verified here")
	}
	if len(b.Envelope) == 0 {
		return nil, errors.New("the bundle has no envelope")
	}
	e, payload, err := sign.Read(b.Envelope)
	if err != nil {
		return nil, err
	}
	out := &Bundle{Payload: payload, hint: k.Hint, envelope: e}
	if k.Hint == "" {
		text, err := base64.StdEncoding.DecodeString(k.RawBytes)
		if err != nil {
			return nil, fmt.Errorf("the bundle's key: %w", err)
		}
		sum := sha256.Sum256(text)
		out.hint = hex.EncodeToString(sum[:])
	}
	if err := json.Unmarshal(payload, &out.Statement); err != nil {
		return nil, fmt.Errorf("the bundle's statement: %w", err)
	}
	return out, out.Statement.check()
}

// check holds a statement against the specification.
func (s *Statement) check() error {
	how := s.Predicate.Serialization
	switch {
	case s.Type != statementType:
		return fmt.Errorf("the bundle's statement has the type %q, want %q", s.Type, statementType)
	case s.PredicateType != predicateType:
		return fmt.Errorf("the bundle's predicate has the type %q, want %q", s.PredicateType, predicateType)
	case len(s.Subject) != 1:
		return fmt.Errorf("the bundle's statement has %d subjects, want 1", len(s.Subject))
	case len(s.Predicate.Resources) == 0:
		return errors.New("the bundle signs no file")
	case how.Method != wholeFiles || how.HashType != sha256Name || how.AllowSymlinks:
		return fmt.Errorf("the bundle's files are hashed as method %q by %q, links %v; only files by sha256 without links are verified here", how.Method, how.HashType, how.AllowSymlinks)
	}
	seen := map[string]bool{}
	for _, r := range s.Predicate.Resources {
		if !fs.ValidPath(r.Name) || r.Name == "." || seen[r.Name] || r.Algorithm != sha256Name {
			return fmt.Errorf("the bundle signs %q by %q: want the path of a file, once, by sha256", r.Name, r.Algorithm)
		}
		seen[r.Name] = true
	}
	root, err := rootOf(s.Predicate.Resources)
	if err == nil && root != s.Subject[0].Digest[sha256Name] {
		err = fmt.Errorf("the bundle's subject is sha256 %s, and its files come to %s", s.Subject[0].Digest[sha256Name], root)
	}
	return err
}

// Name is what the set is called.
func (b *Bundle) Name() string { return b.Statement.Subject[0].Name }

// Claims reports whether a bundle says that it is by a key, and By whether it is.
func (b *Bundle) Claims(key crypto.PublicKey) bool {
	hint, err := Hint(key)
	return err == nil && hint == b.hint
}

// By reports whether a key signed the bundle.
func (b *Bundle) By(key crypto.PublicKey) bool {
	return b.Claims(key) && Supports(key) && b.envelope.By(key, b.Payload)
}

// Hint is the key that the bundle says it is by.
func (b *Bundle) Hint() string { return b.hint }
