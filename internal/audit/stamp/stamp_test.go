package stamp

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/audit/stamp/stamptest"
)

// began is now, since the library signs that it did so now.
var began = time.Now().UTC().Truncate(time.Second)

// A time stamp counts at its own time, by whoever the roots vouch for and for this alone.
func TestTrusted(t *testing.T) {
	signature := []byte("a signature")
	other := stamptest.New(t, began, nil)
	usage := func(critical bool, ids ...asn1.ObjectIdentifier) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			value, err := asn1.Marshal(ids)
			if err != nil {
				t.Fatal(err)
			}
			c.ExtraExtensions[0].Value, c.ExtraExtensions[0].Critical = value, critical
		}
	}
	stamping, server := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
	for name, c := range map[string]struct {
		change  func(*x509.Certificate)
		at      time.Time
		roots   *x509.CertPool
		refused string
	}{
		"as it should be":           {at: began},
		"before the certificate":    {at: began.AddDate(0, -2, 0), refused: "expired or is not yet valid"},
		"after the certificate":     {at: began.AddDate(0, 2, 0), refused: "expired or is not yet valid"},
		"another root":              {at: began, roots: other.Roots(), refused: "unknown authority"},
		"for servers":               {at: began, change: usage(true, server), refused: "time stamps alone"},
		"for servers too":           {at: began, change: usage(true, stamping, server), refused: "time stamps alone"},
		"not marked as critical":    {at: began, change: usage(false, stamping), refused: "time stamps alone"},
		"for nothing in particular": {at: began, change: func(c *x509.Certificate) { c.ExtraExtensions = nil }, refused: "time stamps alone"},
	} {
		a := stamptest.New(t, began, c.change)
		s, err := Parse(a.Stamp(signature, c.at))
		if err != nil {
			if c.refused == "" || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !s.Over(signature) || s.Over([]byte("another")) || !s.Time.Equal(c.at) || s.Signer() != "CN=tsa" {
			t.Errorf("%s: %s by %s", name, s.Time, s.Signer())
		}
		roots := c.roots
		if roots == nil {
			roots = a.Roots()
		}
		err = s.Trusted(roots)
		if c.refused == "" && err != nil || c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// No byte of what is signed can be another one.
func TestAltered(t *testing.T) {
	a := stamptest.New(t, began, nil)
	signature := []byte("a signature")
	der := a.Stamp(signature, began)
	taken := 0
	for i := 0; i < len(der); i += 5 {
		altered := bytes.Clone(der)
		altered[i] ^= 1
		s, err := Parse(altered)
		if err == nil && s.Over(signature) && s.Time.Equal(began) && s.Trusted(a.Roots()) == nil {
			taken++ // a byte that says nothing: the status' form, another certificate
			continue
		}
		if err == nil && s.Trusted(a.Roots()) == nil && (s.Over([]byte("another")) || !s.Time.Equal(began)) {
			t.Fatalf("byte %d: another time stamp is taken", i)
		}
	}
	if taken > len(der)/10 {
		t.Errorf("%d of %d bytes say nothing", taken, len(der))
	}
	for name, data := range map[string][]byte{"nothing": nil, "text": []byte("no"), "cut": der[:len(der)/2], "more": append(bytes.Clone(der), 0), "long": make([]byte, maxBytes+1)} {
		if _, err := Parse(data); err == nil {
			t.Errorf("%s is a time stamp", name)
		}
	}
	s, err := Parse(der)
	if err != nil {
		t.Fatal(err)
	}
	record, err := s.RecordOf(signature)
	if err != nil || !IsRecord(record) || IsRecord([]byte(`{"payload":""}`)) {
		t.Errorf("%s, %v", record, err)
	}
	if r, back, err := Read(record); err != nil || !back.Over(signature) || len(r.Of) != 64 {
		t.Errorf("%+v, %v", r, err)
	}
}

// What openssl stamped verifies: one that is kept, and, where it is installed, one of now.
func TestOfOpenSSL(t *testing.T) {
	read := func(name string) []byte {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	verified := func(dir string) {
		t.Helper()
		s, err := Parse(read(filepath.Join(dir, "stamp.tsr")))
		if err != nil {
			t.Fatal(err)
		}
		roots, err := Roots(read(filepath.Join(dir, "root.pem")))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Trusted(roots); err != nil || !s.Over([]byte("a signature")) {
			t.Errorf("%s: over it %v, %v", dir, s.Over([]byte("a signature")), err)
		}
	}
	verified("testdata")
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("there is no openssl")
	}
	dir := t.TempDir()
	query, err := Request([]byte("a signature"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "query.tsq"), query, 0o600); err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("testdata/stamp.sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", script)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	verified(dir)
}

func TestRoots(t *testing.T) {
	a := stamptest.New(t, began, nil)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Root.Raw})
	if _, err := Roots(append([]byte("words before\n"), text...)); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "no", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"} {
		if _, err := Roots([]byte(bad)); err == nil {
			t.Errorf("%q has a certificate", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	data, err := os.ReadFile("testdata/stamp.tsr")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = Parse(data) })
}
