package sign

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"testing"
)

// TestPAE holds what is signed to the example of DSSE's protocol.
func TestPAE(t *testing.T) {
	if got := string(encoded("http://example.com/HelloWorld", []byte("hello world"))); got != "DSSEv1 29 http://example.com/HelloWorld 11 hello world" {
		t.Error(got)
	}
}

func keys(t *testing.T) map[string]crypto.Signer {
	list := map[string]crypto.Signer{"Ed25519": ed25519.NewKeyFromSeed(make([]byte, 32))}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		list[curve.Params().Name] = key
	}
	return list
}

// What a key signs it verifies, and no other key does, nor another text; the same key and
// text give the same signature; and keys come back from PEM.
func TestSignatures(t *testing.T) {
	payload := []byte(`{"a":1}`)
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))
	for name, key := range keys(t) {
		private, public, err := Encode(key)
		if err != nil {
			t.Fatal(name, err)
		}
		back, err := Private(private)
		pub, pubErr := Public(public)
		if err != nil || pubErr != nil {
			t.Fatal(name, err, pubErr)
		}
		e, err := Seal(payload, back)
		again, againErr := Seal(payload, key)
		if err != nil || againErr != nil || e.Signatures[0] != again.Signatures[0] {
			t.Errorf("%s: %+v, %+v, %v", name, e, again, err)
		}
		data, _ := json.Marshal(e)
		read, got, err := Read(data)
		if err != nil || !bytes.Equal(got, payload) || !read.By(pub, got) {
			t.Errorf("%s: %s, %v", name, got, err)
		}
		if read.By(other.Public(), got) || read.By(pub, []byte(`{"a":2}`)) {
			t.Errorf("%s: another key or text is verified", name)
		}
		sig, _ := base64.StdEncoding.DecodeString(read.Signatures[0].Sig)
		sig[len(sig)/2] ^= 1
		read.Signatures[0].Sig = base64.StdEncoding.EncodeToString(sig)
		if read.By(pub, got) {
			t.Errorf("%s: an altered signature is verified", name)
		}
	}
}

func TestNoKeysAndNoEnvelopes(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	private, public, err := Encode(weak)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range [][]byte{nil, []byte("key"), public, private, []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")} {
		if key, err := Private(text); err == nil {
			t.Errorf("%q is a private key: %v", text, key)
		}
	}
	for _, text := range [][]byte{nil, private, public, []byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")} {
		if key, err := Public(text); err == nil {
			t.Errorf("%q is a public key: %v", text, key)
		}
	}
	for _, text := range []string{"", "{}", `{"payloadType":"application/vnd.in-toto+json","payload":"!","signatures":[{"sig":""}]}`, `{"payloadType":"text","payload":"","signatures":[{}]}`} {
		if _, _, err := Read([]byte(text)); err == nil {
			t.Errorf("%q is an envelope", text)
		}
	}
}
