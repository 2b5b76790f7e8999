package oms

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gymline/gymline/internal/audit/sign"
	"github.com/gymline/gymline/internal/store"
)

func file(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The specification's vectors are taken where they are valid and by a key, and else refused.
func TestVectors(t *testing.T) {
	for name, refused := range map[string]string{
		"valid/key":                             "",
		"valid/certificate":                     "by no key",
		"valid/sigstore":                        "by no key",
		"invalid/empty":                         "no Sigstore bundle",
		"invalid/missing-envelope":              "no envelope",
		"invalid/missing-tlog-entries":          "by no key",
		"invalid/missing-verification-material": "by no key",
		"invalid-payload/wrong-predicate":       "predicate has the type",
	} {
		b, err := Read(file(t, "spec/"+name+".bundle.json"))
		if refused == "" && (err != nil || b.Name() != "model" || len(b.Statement.Predicate.Resources) != 2) {
			t.Errorf("%s: %v", name, err)
		}
		if refused != "" && (err == nil || !strings.Contains(err.Error(), refused)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What the reference tool signed is verified, and what is altered is found.
func TestOfTheTool(t *testing.T) {
	key, err := sign.Public(file(t, "tool/key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string][]Difference{"v1.1.0": nil, "v1.0.1": {{"ignore-me", "nothing", "a file that is not signed"}}} {
		b, err := Read(file(t, "tool/"+version+"/model.sig"))
		if err != nil || !b.By(key) {
			t.Fatalf("%s: %v", version, err)
		}
		got, err := b.Folder(t.Context(), os.DirFS(filepath.Join("testdata/tool", version)), "model.sig")
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %+v, %v", version, got, err)
		}
	}
	b, err := Read(file(t, "tool/v1.1.0/model.sig"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.Folder(t.Context(), fstest.MapFS{
		"signme-1": {Data: []byte("signme-2\n")}, "signme-3": {Data: []byte("x")}, ".git/config": {Data: []byte("x")}, "sub/.git/config": {Data: []byte("x")},
		"link": {Mode: os.ModeSymlink, Data: []byte("signme-1")}, "model.sig": {Data: []byte("x")},
	}, "model.sig")
	var paths []string
	for _, d := range got {
		paths = append(paths, d.Path+": "+d.Found)
	}
	want := []string{
		"link: a link, or another thing that is no file", "signme-1: sha256 ee6e00a2632ced18bf286a3f8e3a9c08f960ffb691b0efa8508bcf2741795530",
		"signme-2: nothing", "signme-3: a file that is not signed", "sub/.git/config: a file that is not signed",
	}
	if err != nil || !slices.Equal(paths, want) {
		t.Errorf("%q, %v", paths, err)
	}
}

func files() []store.TreeFile {
	var list []store.TreeFile
	for _, name := range []string{"sub/b.bin", "a.json", "sub.txt", ".gitattributes", ".github/x", "sub/.gitignore"} {
		list = append(list, store.TreeFile{Path: name, Digest: store.DigestOf([]byte(name))})
	}
	return list
}

// A statement names each file once, in the order of the specification, without what it
// leaves out; and the same key and files give the same bundle, which that key alone signed.
func TestBundles(t *testing.T) {
	statement, err := Of("train-agent", files())
	if err != nil {
		t.Fatal(err)
	}
	whole := fstest.MapFS{}
	for _, f := range files() {
		whole[f.Path] = &fstest.MapFile{Data: []byte(f.Path)}
	}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		other, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		data, err := Sign(statement, key)
		again, againErr := Sign(statement, key)
		if err != nil || againErr != nil || !bytes.Equal(data, again) || !IsBundle(data) {
			t.Fatalf("%s, %v", data, err)
		}
		b, err := Read(data)
		if err != nil || b.Name() != "train-agent" || !b.By(key.Public()) || b.By(other.Public()) || b.Claims(other.Public()) {
			t.Errorf("%v", err)
		}
		var names []string
		for _, r := range b.Statement.Predicate.Resources {
			names = append(names, r.Name)
		}
		if want := []string{"a.json", "sub.txt", "sub/.gitignore", "sub/b.bin"}; !slices.Equal(names, want) {
			t.Errorf("%q", names)
		}
		if list, err := b.Folder(t.Context(), whole, "model.sig"); err != nil || len(list) > 0 {
			t.Errorf("%+v, %v", list, err)
		}
		forged := bytes.Replace(data, []byte(base64.StdEncoding.EncodeToString(statement)), []byte(base64.StdEncoding.EncodeToString(bytes.Replace(statement, []byte("train-agent"), []byte("train-other"), 1))), 1)
		if b, err := Read(forged); err != nil || b.By(key.Public()) {
			t.Errorf("another statement is signed, %v", err)
		}
	}
	if _, err := Sign(statement, ed25519.NewKeyFromSeed(make([]byte, 32))); err == nil {
		t.Error("the specification knows no Ed25519")
	}
	if s, err := Of("x", []store.TreeFile{{Path: ".git/config", Digest: store.DigestOf(nil)}}); s != nil || err != nil {
		t.Errorf("%s, %v", s, err)
	}
}

// A set that has a model.sig of its own keeps it, signed as its other files.
func TestTheSetsOwnSignature(t *testing.T) {
	list := append(files(), store.TreeFile{Path: Signature, Digest: store.DigestOf(nil)})
	data, err := Of("x", list)
	if err != nil || FileName(list) != OwnSignature || !bytes.Contains(data, []byte(`"name":"model.sig"`)) || !bytes.Contains(data, []byte(`"model.gymline.sig"`)) {
		t.Errorf("%s, %v", data, err)
	}
}

// Statements that could mislead who verifies them are refused, whoever signed them.
func TestHostileStatements(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Statement){
		"a path out of the folder": func(s *Statement) { s.Predicate.Resources[0].Name = "../a.json" },
		"an absolute path":         func(s *Statement) { s.Predicate.Resources[0].Name = "/a.json" },
		"a file twice":             func(s *Statement) { s.Predicate.Resources[1].Name = s.Predicate.Resources[0].Name },
		"another hash":             func(s *Statement) { s.Predicate.Resources[0].Algorithm = "md5" },
		"no hash":                  func(s *Statement) { s.Predicate.Resources[0].Digest = "ab" },
		"shards":                   func(s *Statement) { s.Predicate.Serialization.Method = "shards" },
		"links":                    func(s *Statement) { s.Predicate.Serialization.AllowSymlinks = true },
		"another root":             func(s *Statement) { s.Subject[0].Digest["sha256"] = strings.Repeat("0", 64) },
		"no subject":               func(s *Statement) { s.Subject = nil },
		"no files":                 func(s *Statement) { s.Predicate.Resources = nil },
		"another type":             func(s *Statement) { s.Type = "x" },
	} {
		data, err := Of("x", files())
		var s Statement
		if err != nil || json.Unmarshal(data, &s) != nil {
			t.Fatal(err)
		}
		change(&s)
		if data, err = json.Marshal(s); err != nil {
			t.Fatal(err)
		}
		if data, err = Sign(data, crypto.Signer(key)); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(data); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	// A name that the bundle itself leaves out is not taken for verified.
	s := Statement{}
	data, _ := Of("x", files())
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	s.Predicate.Serialization.IgnorePaths = []string{"a.json", "sub"}
	b := &Bundle{Statement: s}
	whole := fstest.MapFS{"sub.txt": {Data: []byte("sub.txt")}, "a.json": {Data: []byte("other")}, "sub/b.bin": {Data: []byte("other")}}
	if list, err := b.Folder(t.Context(), whole, Signature); err != nil || len(list) != 3 {
		t.Errorf("%+v, %v", list, err)
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"spec/valid/key.bundle.json", "tool/v1.0.1/model.sig", "spec/invalid/missing-envelope.bundle.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := Read(data)
		if err == nil && (b.Name() == "" && len(b.Statement.Predicate.Resources) == 0) {
			t.Error("an empty bundle is taken")
		}
	})
}
