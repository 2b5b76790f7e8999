package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// static returns the shortest binary that checkBinary admits.
func static(t *testing.T, machine elf.Machine) []byte {
	t.Helper()
	h := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: 1, Ehsize: 64, Phentsize: 56, Shentsize: 64}
	copy(h.Ident[:], []byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)})
	var out bytes.Buffer
	if err := binary.Write(&out, binary.LittleEndian, h); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// authority returns a certificate in PEM.
func authority(t *testing.T) []byte {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1<<32, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// inputs writes both files into a folder of their own, last changed at when.
func inputs(t *testing.T, program, certs []byte, when time.Time) options {
	t.Helper()
	dir := t.TempDir()
	o := options{binary: filepath.Join(dir, "program"), certs: filepath.Join(dir, "certs.pem"), name: "example.test:5000/gymline:dev", arch: "amd64", out: filepath.Join(dir, "image.tar")}
	for name, data := range map[string][]byte{o.binary: program, o.certs: certs} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, when, when); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func TestSameInputsSameBytes(t *testing.T) {
	program, certs := static(t, elf.EM_X86_64), authority(t)
	var archives [][]byte
	var digests []Digest
	for _, when := range []time.Time{time.Unix(1_000_000_000, 0), time.Unix(1_700_000_000, 999)} {
		o := inputs(t, program, certs, when)
		digest, err := run(o)
		if err != nil {
			t.Fatal(err)
		}
		archive, err := os.ReadFile(o.out)
		if err != nil {
			t.Fatal(err)
		}
		archives, digests = append(archives, archive), append(digests, digest)
	}
	if digests[0] != digests[1] || !bytes.Equal(archives[0], archives[1]) {
		t.Errorf("digests %v, archives equal: %v", digests, bytes.Equal(archives[0], archives[1]))
	}
}

// TestDigestStability pins the layout: another digest is another image for the
// same binary. It covers the compressor, so a new Go may move it.
func TestDigestStability(t *testing.T) {
	_, digest, err := build(image{name: "gymline:dev", arch: "arm64", binary: []byte("binary"), certs: []byte("certs")})
	if err != nil {
		t.Fatal(err)
	}
	if want := Digest("sha256:4b06c98ca5f6bad02b33aaac1bdc127e2e0c12ed9e4ed6d0cd238c30c79dfddd"); digest != want {
		t.Errorf("digest %s, want %s", digest, want)
	}
}

// unpack returns the headers and the contents of a tar by name.
func unpack(t *testing.T, archive io.Reader) (map[string]*tar.Header, map[string][]byte) {
	t.Helper()
	headers, contents := map[string]*tar.Header{}, map[string][]byte{}
	for r := tar.NewReader(archive); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return headers, contents
		}
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.Equal(time.Unix(0, 0)) || h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" {
			t.Errorf("%s: time %v, owner %d:%d %q:%q", h.Name, h.ModTime, h.Uid, h.Gid, h.Uname, h.Gname)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		headers[h.Name], contents[h.Name] = h, data
	}
}

func TestContents(t *testing.T) {
	program, certs := static(t, elf.EM_X86_64), authority(t)
	o := inputs(t, program, certs, time.Now())
	o.sbom, o.licences = filepath.Join(t.TempDir(), "sbom"), filepath.Join(t.TempDir(), "licences")
	for _, file := range []string{o.sbom, o.licences} {
		if err := os.WriteFile(file, []byte(filepath.Base(file)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	digest, err := run(o)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := os.ReadFile(o.out)
	if err != nil {
		t.Fatal(err)
	}
	_, files := unpack(t, bytes.NewReader(archive))
	blob := func(d descriptor) []byte {
		data, ok := files["blobs/sha256/"+strings.TrimPrefix(string(d.Digest), "sha256:")]
		if !ok || digestOf(data) != d.Digest || len(data) != d.Size {
			t.Fatalf("blob %s is missing or another", d.Digest)
		}
		return data
	}
	decode := func(data []byte, v any) {
		if err := json.Unmarshal(data, v); err != nil {
			t.Fatal(err)
		}
	}
	if got := string(files["oci-layout"]); got != `{"imageLayoutVersion":"1.0.0"}` {
		t.Errorf("oci-layout: %s", got)
	}
	var list index
	decode(files["index.json"], &list)
	top := list.Manifests[0]
	names := map[string]string{"io.containerd.image.name": o.name, "org.opencontainers.image.ref.name": "dev"}
	if top.Digest != digest || !reflect.DeepEqual(top.Annotations, names) || *top.Platform != (platform{"amd64", "linux"}) {
		t.Errorf("index: %+v", top)
	}
	var m manifest
	decode(blob(top), &m)
	var c config
	decode(blob(m.Config), &c)
	want := process{
		User:       "65532:65532",
		Env:        []string{"PATH=/", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"},
		Entrypoint: []string{"/gymline"},
		WorkingDir: "/",
	}
	if !reflect.DeepEqual(c.Config, want) || !c.Created.Equal(time.Unix(0, 0)) || c.platform != (platform{"amd64", "linux"}) {
		t.Errorf("config: %+v", c)
	}

	modes := map[string]int64{}
	for i, l := range m.Layers {
		z, err := gzip.NewReader(bytes.NewReader(blob(l)))
		if err != nil {
			t.Fatal(err)
		}
		if z.Name != "" || !z.ModTime.IsZero() {
			t.Errorf("layer %d: its gzip header has a name or a time", i)
		}
		plain, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		if digestOf(plain) != c.RootFS.DiffIDs[i] {
			t.Errorf("layer %d: diff ID %s, want %s", i, c.RootFS.DiffIDs[i], digestOf(plain))
		}
		headers, contents := unpack(t, bytes.NewReader(plain))
		for name, h := range headers {
			modes[name] = h.Mode
			switch name {
			case "gymline":
				if !bytes.Equal(contents[name], program) {
					t.Error("gymline is another binary")
				}
			case "etc/ssl/certs/ca-certificates.crt":
				if !bytes.Equal(contents[name], certs) {
					t.Error("the certificates are others")
				}
			case "usr/share/doc/gymline/sbom.cdx.json":
				if string(contents[name]) != "sbom" {
					t.Errorf("the list of modules: %s", contents[name])
				}
			case "usr/share/doc/gymline/licences.txt":
				if string(contents[name]) != "licences" {
					t.Errorf("the licences: %s", contents[name])
				}
			case "etc/passwd":
				if !strings.Contains(string(contents[name]), ":65532:65532:") {
					t.Errorf("passwd: %s", contents[name])
				}
			}
		}
	}
	wantModes := map[string]int64{
		"etc/": 0o755, "etc/group": 0o644, "etc/passwd": 0o644, "etc/ssl/": 0o755, "etc/ssl/certs/": 0o755,
		"etc/ssl/certs/ca-certificates.crt": 0o644, "gymline": 0o755, "tmp/": 0o1777,
		"usr/": 0o755, "usr/share/": 0o755, "usr/share/doc/": 0o755, "usr/share/doc/gymline/": 0o755,
		"usr/share/doc/gymline/licences.txt": 0o644, "usr/share/doc/gymline/sbom.cdx.json": 0o644,
	}
	if !reflect.DeepEqual(modes, wantModes) {
		t.Errorf("files and modes %v, want %v", modes, wantModes)
	}
}

func TestRefusals(t *testing.T) {
	program, certs := static(t, elf.EM_X86_64), authority(t)
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})
	for name, c := range map[string]struct {
		program, certs []byte
		arch, want     string
	}{
		"script":       {[]byte("#!/bin/sh\n"), certs, "amd64", "GOOS=linux"},
		"machine":      {static(t, elf.EM_AARCH64), certs, "amd64", "set GOARCH or -arch"},
		"architecture": {program, certs, "riscv64", "give amd64 or arm64"},
		"no authority": {program, []byte("# none\n"), "amd64", "no certificate in it"},
		"key":          {program, append(certs, key...), "amd64", "holds a PRIVATE KEY"},
	} {
		t.Run(name, func(t *testing.T) {
			o := inputs(t, c.program, c.certs, time.Now())
			o.arch = c.arch
			if _, err := run(o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want …%s…", err, c.want)
			}
			if _, err := os.Stat(o.out); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("an archive is left: %v", err)
			}
		})
	}
}

func TestTag(t *testing.T) {
	for name, want := range map[string]string{"gymline:dev": "dev", "gymline": "latest", "example.test:5000/gymline": "latest", "example.test:5000/gymline:1.2": "1.2"} {
		if got := tagOf(name); got != want {
			t.Errorf("tagOf(%s) = %s, want %s", name, got, want)
		}
	}
}
