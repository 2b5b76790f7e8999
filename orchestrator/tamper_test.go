package main

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/audit/closure"
	"github.com/gymline/gymline/internal/audit/sign"
	"github.com/gymline/gymline/internal/audit/stamp"
	"github.com/gymline/gymline/internal/audit/stamp/stamptest"
	"github.com/gymline/gymline/internal/audit/verify"
	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

const tampered = `apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: small}
spec:
  inputs: {samples: {path: samples}}
  models: {sim: {provider: sim, skill: 0.9}}
  generate:
    scenes: {seeds: {input: samples, path: seeds.yaml}, model: sim, count: 2}
    sessions: 1
    shards: 2
    models: {user: sim, environment: sim, agent: sim}
  curate: {}
  export: {data: {gym: true}, families: [qwen2.5], trainers: [trl]}
  evaluate:
    benchmark: {input: samples, path: benchmark}
    judge: {recorded: true}
    candidates:
      - {name: published, recorded: {input: samples, path: traces/published}}
`

// A victim is a sealed and signed run, all of whose store is at hand.
type victim struct {
	*testing.T
	name    string // of its experiment; the run is the first, and the second one has another seed
	objects map[string][]byte
	key     ed25519.PrivateKey
	models  crypto.Signer // signs the run too, and its export as a model
	roots   *x509.CertPool
	parts   []string // keys of what the run is made of, its memos included
}

// problems verifies the run in a store, by its key or by none.
func (v *victim) problems(st *store.Store, keyed bool) []verify.Problem {
	v.Helper()
	opt := verify.Options{Version: version(), Formats: formats}
	if keyed {
		opt.Keys, opt.Roots = []crypto.PublicKey{v.key.Public(), v.models.Public()}, v.roots
	}
	r, err := verify.Run(v.Context(), st, v.run(), opt)
	if err != nil {
		return []verify.Problem{{Key: "the whole", Found: err.Error()}}
	}
	return r.Problems
}

func newVictim(t *testing.T) *victim {
	dir := t.TempDir()
	config := filepath.Join(dir, "small.yaml")
	if err := os.WriteFile(config, []byte(tampered), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "samples"), os.DirFS(filepath.Join(repo(t), "configs", "samples"))); err != nil {
		t.Fatal(err)
	}
	return victimOf(t, "small", config)
}

// victimOf runs an experiment twice and signs the first run.
func victimOf(t *testing.T, name, config string) *victim {
	t.Helper()
	l := lab{t: t, dir: t.TempDir()}
	l.output("run", config)
	l.output("run", config, "--set", "seed=8") // the versions of another run
	v := &victim{T: t, name: name, objects: map[string][]byte{}, key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))}
	root := os.DirFS(filepath.Join(l.dir, ".gymline", "objects"))
	err := fs.WalkDir(root, ".", func(key string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		v.objects[key], err = fs.ReadFile(root, key)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	st := v.copied(nil)
	var keyErr error
	if v.models, keyErr = newKey(kindP256); keyErr != nil {
		t.Fatal(keyErr)
	}
	for _, key := range []crypto.Signer{v.key, v.models} {
		if _, _, err := signRun(t.Context(), run.Registry{Store: st, Now: time.Now}, v.run(), key); err != nil {
			t.Fatal(err)
		}
	}
	v.stamp(st)
	signatures, err := st.SignatureKeys(t.Context(), v.run()) // of the run, bundles over exports, and a time stamp
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range signatures {
		v.objects[key] = v.read(st, key)
	}
	err = closure.Of(t.Context(), st, v.run(), func(o closure.Object) error {
		if _, there := v.objects[o.Key]; there {
			v.parts = append(v.parts, o.Key)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for key, data := range v.objects {
		if strings.HasPrefix(key, "memo/") && bytes.Contains(data, []byte(`"`+v.run()+`"`)) {
			v.parts = append(v.parts, key)
		}
	}
	slices.Sort(v.parts)
	return v
}

// stamp adds a time stamp over the first signature, by an authority of this test's.
func (v *victim) stamp(st *store.Store) {
	v.Helper()
	list, err := sign.Envelopes(v.Context(), st, v.run())
	if err != nil {
		v.Fatal(err)
	}
	authority := stamptest.New(v.T, time.Now(), nil)
	t, err := stamp.Parse(authority.Stamp(list[0].Raw(), time.Now()))
	if err != nil {
		v.Fatal(err)
	}
	record, err := t.RecordOf(list[0].Raw())
	if err == nil {
		_, err = sign.Add(v.Context(), st, v.run(), record)
	}
	if err != nil {
		v.Fatal(err)
	}
	v.roots = authority.Roots()
}

func (v *victim) read(st *store.Store, key string) []byte {
	v.Helper()
	data, err := st.ReadObject(v.Context(), key)
	if err != nil {
		v.Fatal(err)
	}
	return data
}

// other is the object of another run in the place of one.
func (v *victim) other(key string) []byte {
	if data := v.objects[strings.ReplaceAll(key, v.name+"-1", v.name+"-2")]; data != nil && strings.Contains(key, v.name+"-1") {
		return data
	}
	folder := key[:strings.IndexByte(key, '/')+1]
	for _, other := range slices.Sorted(maps.Keys(v.objects)) {
		if strings.HasPrefix(other, folder) && !bytes.Equal(v.objects[other], v.objects[key]) {
			return v.objects[other]
		}
	}
	return nil
}

// tells reports whether a problem names an object, or for a signature, all of them.
func tells(list []verify.Problem, key string) bool {
	return slices.ContainsFunc(list, func(p verify.Problem) bool {
		return p.Key == key || strings.HasPrefix(key, "signatures/") && strings.HasPrefix(p.Key, "signatures/")
	})
}

// TestTampering attacks every object of a signed run in every way, and holds that each is
// found, by the object's name.
func TestTampering(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	v.edits()
	v.attacked(40)
}

// attacked attacks every object in every way.
func (v *victim) attacked(least int) {
	v.Helper()
	if list := v.problems(v.copied(nil), true); len(list) > 0 {
		v.Fatalf("as it was: %+v", list)
	}
	attacks := map[string]func(key string) map[string][]byte{
		"a byte is flipped": func(key string) map[string][]byte {
			data := bytes.Clone(v.objects[key])
			data[len(data)/2] ^= 1
			return map[string][]byte{key: data}
		},
		"it is cut": func(key string) map[string][]byte {
			return map[string][]byte{key: v.objects[key][:len(v.objects[key])/2]}
		},
		"it is gone": func(key string) map[string][]byte { return map[string][]byte{key: nil} },
		"another run's lies there": func(key string) map[string][]byte {
			if other := v.other(key); other != nil {
				return map[string][]byte{key: other}
			}
			return nil
		},
		"two are swapped": func(key string) map[string][]byte {
			i := slices.Index(v.parts, key)
			other := v.parts[(i+1)%len(v.parts)]
			if bytes.Equal(v.objects[key], v.objects[other]) || strings.HasPrefix(key, "signatures/") && strings.HasPrefix(other, "signatures/") {
				return nil // their numbers mean nothing
			}
			return map[string][]byte{key: v.objects[other], other: v.objects[key]}
		},
	}
	for name, attack := range attacks {
		found, harmless := 0, 0
		for _, key := range v.parts {
			changed := attack(key)
			switch {
			case changed == nil, strings.HasSuffix(key, "/alive.json"):
				continue // nothing to replace it by; what it says means nothing once there is a seal
			case strings.HasPrefix(key, "memo/") && changed[key] == nil:
				harmless++ // its work is done again when it is wanted
				continue
			}
			st := v.copied(changed)
			if list := v.problems(st, true); tells(list, key) {
				found++
			} else if v.decodesAlike(st, key) {
				harmless++ // another encoding of the same bytes
			} else {
				v.Errorf("%s: %s: %+v", name, key, list)
			}
		}
		v.Logf("%s: %s: %d objects, found %d, harmless %d", v.name, name, len(v.parts), found, harmless)
		if found < least {
			v.Errorf("%s: found but %d", name, found)
		}
	}
}

func (v *victim) decodesAlike(st *store.Store, key string) bool {
	if !strings.HasPrefix(key, "blobs/") {
		return false
	}
	_, err := st.ReadBlob(v.Context(), store.Digest(filepath.Base(key)))
	return err == nil
}

// resealed binds and seals the run anew, as who has no key can.
func (v *victim) resealed(changed map[string][]byte) map[string][]byte {
	v.Helper()
	st, all := v.copied(changed), maps.Clone(changed)
	ctx := v.Context()
	seal, err := st.ReadSeal(ctx, "small-1")
	if err != nil {
		v.Fatal(err)
	}
	b, err := st.ReadBinding(ctx, "small-1", seal.Binding)
	for i := range b.Records {
		if err == nil {
			b.Records[i], err = st.Bind(ctx, b.Records[i].Key)
		}
	}
	data, canonErr := canonical.JSON(b)
	d, putErr := st.PutBlob(ctx, data)
	if err != nil || canonErr != nil || putErr != nil {
		v.Fatal(err, canonErr, putErr)
	}
	all[store.BlobKey(d)] = v.read(st, store.BlobKey(d))
	all["runs/small-1/seal.json"] = bytes.Replace(v.objects["runs/small-1/seal.json"], []byte(seal.Binding), []byte(d), 1)
	return all
}

// unsigned also takes every signature away.
func (v *victim) unsigned(changed map[string][]byte) map[string][]byte {
	all := maps.Clone(changed)
	for key := range v.objects {
		if strings.HasPrefix(key, "signatures/small-1/") {
			all[key] = nil
		}
	}
	return all
}

// signed has another key sign the run as it is now, in place of the signature.
func (v *victim) signed(changed map[string][]byte) map[string][]byte {
	all := v.unsigned(changed)
	st := v.copied(all)
	if _, _, err := sign.Run(v.Context(), st, "small-1", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32))); err != nil {
		v.Fatal(err)
	}
	all["signatures/small-1/1.json"] = v.read(st, "signatures/small-1/1.json")
	return all
}

// TestTamperingWithoutTheKey seals altered records again, as whoever has the bucket and no
// key can: what disagrees with the rest is found by anybody, all else by the key.
func TestTamperingWithoutTheKey(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	records, byAnybody, byKey, bySigning := 0, 0, 0, 0
	for _, key := range v.parts {
		if !strings.HasPrefix(key, "runs/small-1/") || strings.HasSuffix(key, "/alive.json") || strings.HasSuffix(key, "/seal.json") || strings.HasSuffix(key, "/plan.json") {
			continue
		}
		records++
		var record map[string]any
		if err := json.Unmarshal(v.objects[key], &record); err != nil {
			t.Fatal(err)
		}
		for _, field := range []string{"finished", "created"} { // nothing follows from it
			if _, there := record[field]; there {
				record[field] = "2020-01-01T00:00:00.000Z"
			}
		}
		data, _ := json.MarshalIndent(record, "", " ")
		changed := v.resealed(map[string][]byte{key: append(data, '\n')})
		if len(v.problems(v.copied(v.unsigned(changed)), false)) > 0 {
			byAnybody++
		}
		if list := v.problems(v.copied(changed), true); tells(list, "runs/small-1/seal.json") {
			byKey++
		} else {
			t.Errorf("%s, sealed again: %+v", key, list)
		}
		if list := v.problems(v.copied(v.signed(changed)), true); tells(list, "signatures/small-1/") {
			bySigning++
		} else {
			t.Errorf("%s, sealed and signed again: %+v", key, list)
		}
	}
	t.Logf("%d records altered and sealed again: found by anybody %d, by the key %d, signed again by another key %d", records, byAnybody, byKey, bySigning)

	// A step of another run, in the name of this one: its work is other work.
	grafted := 0
	for key, data := range v.objects {
		own := strings.Replace(key, "small-2", "small-1", 1)
		if !strings.HasPrefix(key, "runs/small-2/steps/") || bytes.Contains(data, []byte(`"reused": true`)) {
			continue
		}
		data = bytes.ReplaceAll(data, []byte(`"small-2"`), []byte(`"small-1"`))
		changed := v.unsigned(v.resealed(map[string][]byte{own: data}))
		if list := v.problems(v.copied(changed), false); !tells(list, own) {
			t.Errorf("%s, grafted: %+v", own, list)
		}
		grafted++
	}
	if records < 5 || grafted < 3 {
		t.Errorf("%d records, %d steps grafted", records, grafted)
	}
	t.Logf("%d steps of another run grafted and sealed: all found by anybody", grafted)
}
