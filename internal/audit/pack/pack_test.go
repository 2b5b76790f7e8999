package pack_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gymline/gymline/internal/audit/pack"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// A world is a store with a run, x-2.
type world struct {
	*testing.T
	*store.Store
}

func empty(t *testing.T) *world { return &world{t, store.New(store.NewMem())} }

func newWorld(t *testing.T) *world { return worldOf(t, 3<<10) }

// worldOf is one whose largest files have so many bytes.
func worldOf(t *testing.T, large int) *world {
	w := empty(t)
	ctx := t.Context()
	input, err := w.PutTree(ctx, fstest.MapFS{"a.txt": {Data: []byte("one")}, "b.txt": {Data: []byte("two")}, "c/d": {Data: noise(large - 1)}}, store.Intake{})
	w.ok(err)
	params := []byte(`{"candidate":{"model":{"name":"gpt","provider":"openai","baseURL":"http://host.test/v1","model":"m"}}}`)
	p := &plan.Plan{Version: plan.Version, Experiment: "x", Digest: "d", Steps: []plan.Step{{Name: "predict", Job: plan.JobPredict, Format: 1, Shards: 2, Share: plan.Share{Params: params}}}}
	raw, err := p.Encode()
	w.ok(err)
	w.ok(w.CreateRun(ctx, store.Run{ID: "x-2", Experiment: "x", Digest: "d", Plan: store.DigestOf(raw), Inputs: map[string]store.Tree{"in": input}, Account: "x-1"}))
	w.ok(w.PutPlan(ctx, "x-2", raw))
	var files []store.Published
	for name, data := range map[string][]byte{"small.jsonl": []byte("{}\n"), "sub/gymline.json": []byte("{}"), "large.bin": noise(large)} {
		b := w.NewBlob()
		_, err := b.Write(data)
		w.ok(err)
		d, err := b.Commit(ctx)
		w.ok(err)
		files = append(files, store.Published{Artifact: store.Artifact{Name: name, Digest: d, Bytes: int64(len(data))}, Blob: b})
	}
	slices.SortFunc(files, func(a, b store.Published) int { return strings.Compare(a.Name, b.Name) })
	w.ok(w.Publish(ctx, "x", files))
	var outputs []store.Artifact
	for _, f := range files {
		outputs = append(outputs, f.Artifact)
	}
	w.ok(w.CommitStep(ctx, store.Step{Run: "x-2", Step: "predict", Shard: 0, WorkKey: "k0", Outputs: outputs, Published: "x"}))
	w.ok(w.CommitStep(ctx, store.Step{Run: "x-2", Step: "predict", Shard: 1, WorkKey: "k1", Outputs: outputs[:1]}))
	w.ok(w.SealRun(ctx, store.Seal{Run: "x-2", State: store.Succeeded}))
	w.ok(w.AppendSpend(ctx, store.Spend{Account: "x-1", Number: 1}))
	w.ok(w.AddNote(ctx, store.Note{Run: "x-2", Text: "good"}))
	w.ok(w.AddTag(ctx, store.Tag{Name: "best", Run: "x-2"}))
	w.put("signatures/x-2/1.json", "{}")
	w.put("runs/x-2/alive.json", "{}")
	w.put("removed/x-1.json", `{"run":"x-1","experiment":"x"}`)
	w.put(ledgerOf("1")+".jsonl.zst", "no header: all of the model is taken as it is")
	w.put(strings.Replace(ledgerOf("2"), "/2", "/journal/2", 1)+".jsonl.zst", "a journal")
	w.put(strings.Replace(ledgerOf("3"), "/3", "/batches/3", 1)+".json", "a batch")
	w.put("memo/other.json", "of another")
	return w
}

func ledgerOf(n string) string {
	return "ledger/3fbba3eb0a8a1dd4d27a2adc9e9d1e5e3a0a0b9a4ab3a1d6a4a5d5d1f6c3f3a1/" + strings.Repeat(n, 64)
}

func noise(n int) []byte {
	data, rng := make([]byte, n), rand.NewChaCha8([32]byte{byte(n)})
	_, _ = rng.Read(data)
	return data
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) put(key, body string) {
	w.Helper()
	w.ok(w.Bucket().Put(w.Context(), key, strings.NewReader(body), int64(len(body))))
}

// objects are all that a store holds.
func (w *world) objects() map[string]string {
	w.Helper()
	all := map[string]string{}
	for key, err := range w.Bucket().List(w.Context(), "") {
		w.ok(err)
		body, err := w.Bucket().Get(w.Context(), key)
		w.ok(err)
		data, err := io.ReadAll(body)
		w.ok(err)
		all[key] = string(data)
	}
	return all
}

func (w *world) pack() []byte {
	w.Helper()
	var out bytes.Buffer
	_, err := pack.Pack(w.Context(), w.Store, "x-2", &out)
	w.ok(err)
	return out.Bytes()
}

func (w *world) unpack(archive []byte) (pack.Packed, error) {
	return pack.Unpack(w.Context(), w.Store, bytes.NewReader(archive))
}

// The same run gives the same bytes, wherever it lies, and comes whole: with all that it
// is made of, findable by its work, and without what is the store's.
func TestThereAndBack(t *testing.T) {
	w := worldOf(t, 2<<20)
	archive := w.pack()
	there := empty(t)
	done, err := there.unpack(archive)
	w.ok(err)
	have, want := there.objects(), w.objects()
	for key := range want {
		if strings.HasPrefix(key, "ledger/") || strings.HasPrefix(key, "tags/") || strings.HasPrefix(key, "memo/") || strings.HasSuffix(key, "/alive.json") {
			delete(want, key)
		}
	}
	want["memo/k0.json"], want["memo/k1.json"] = want["runs/x-2/steps/predict/0.json"], want["runs/x-2/steps/predict/1.json"]
	if !maps.Equal(have, want) {
		t.Errorf("got %q\nwant %q", slices.Sorted(maps.Keys(have)), slices.Sorted(maps.Keys(want)))
	}
	if !bytes.Equal(there.pack(), archive) {
		t.Error("packed where it was unpacked, it is another archive")
	}
	again, err := there.unpack(archive)
	if err != nil || again.Objects != done.Objects || again.There != done.Objects || done.There != 0 || done.Objects != len(want)-2 {
		t.Errorf("first %+v, again %+v, %v", done, again, err)
	}
}

// Cut anywhere, an archive is refused as cut, no run is visible, and what came stays: the
// whole one goes on from there.
func TestCut(t *testing.T) {
	for large, step := range map[int]int{3 << 10: 512, 2 << 20: 512 * 701} {
		archive := worldOf(t, large).pack()
		for at := 0; at < len(archive)-2048; at += step/2 + 7 {
			w := empty(t)
			done, err := w.unpack(archive[:at])
			if !errors.Is(err, pack.ErrCut) {
				t.Fatalf("cut at %d of %d: %v", at, len(archive), err)
			}
			if _, err := w.ReadRun(t.Context(), "x-2"); at < len(archive)-4096 && !errors.Is(err, store.ErrNotFound) {
				t.Fatalf("cut at %d of %d: the run is there: %v", at, len(archive), err)
			}
			if at%3 != 0 {
				continue
			}
			if whole, err := w.unpack(archive); err != nil || whole.Objects < done.Objects {
				t.Fatalf("cut at %d, then whole: %+v, %v", at, whole, err)
			}
			if !bytes.Equal(w.pack(), archive) {
				t.Fatalf("cut at %d, then whole: it is another run", at)
			}
		}
	}
}

// Whatever byte is another: it is refused, or nothing hangs on it. Nothing is ever
// stored that is not as it was packed.
func TestAltered(t *testing.T) {
	archive := newWorld(t).pack()
	whole := empty(t)
	_, err := whole.unpack(archive)
	whole.ok(err)
	want := whole.objects()
	rng := rand.New(rand.NewPCG(1, 2))
	refused := 0
	for range 400 {
		at := rng.IntN(len(archive))
		altered := bytes.Clone(archive)
		altered[at] ^= byte(1 + rng.IntN(255))
		w := empty(t)
		if _, err := w.unpack(altered); err != nil {
			refused++
		} else if !maps.Equal(w.objects(), want) {
			t.Fatalf("byte %d of %d was altered, and another run was unpacked", at, len(archive))
		}
		for key, body := range w.objects() {
			if body != want[key] && want[key] != "" {
				t.Fatalf("byte %d was altered: %s was stored otherwise than it was", at, key)
			}
		}
	}
	if refused < 100 {
		t.Errorf("%d of 400 were refused", refused)
	}
}

// A run of that name that is another stays as it is.
func TestAnotherRunStays(t *testing.T) {
	archive := newWorld(t).pack()
	w := empty(t)
	w.ok(w.CreateRun(t.Context(), store.Run{ID: "x-2", Experiment: "x"}))
	before := w.objects()
	if _, err := w.unpack(archive); !errors.Is(err, pack.ErrOther) || !maps.Equal(w.objects(), before) {
		t.Errorf("%v; %q", err, slices.Sorted(maps.Keys(w.objects())))
	}
	w = empty(t)
	w.ok(w.CommitStep(t.Context(), store.Step{Run: "x-2", Step: "predict", Shard: 1, WorkKey: "other"}))
	if _, err := w.unpack(archive); !errors.Is(err, pack.ErrOther) || !strings.Contains(err.Error(), "runs/x-2/steps/predict/1.json") {
		t.Error(err)
	}
	if rec, err := w.ReadStep(t.Context(), "x-2", "predict", 1); err != nil || rec.WorkKey != "other" {
		t.Errorf("%+v, %v", rec, err)
	}
}

// An archive brings its run, and cannot touch anything else of a store.
func TestForeignKeysAreRefused(t *testing.T) {
	archive := newWorld(t).pack()
	for _, key := range []string{
		"memo/k9.json", "tags/best/1.json", "pins/x-2/1.json", "runs/x-1/run.json", "runs/x-2/../x-1/run.json", "/runs/x-2/a", "../x",
		"notes/x-1/1.json", "signatures/x-1/1.json", "check/a.json", "gc/1.json", "drafts/a.json", "blobs/sha256/00/x", "ledger/x/journal/y", "handin/x-2/a",
	} {
		var out bytes.Buffer
		tw := tar.NewWriter(&out)
		tr := tar.NewReader(bytes.NewReader(archive))
		h, err := tr.Next()
		if err != nil {
			t.Fatal(err)
		}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(tw, tr); err != nil {
			t.Fatal(err)
		}
		if err := tw.WriteHeader(&tar.Header{Name: key, Size: 2, Mode: 0o600, PAXRecords: map[string]string{"GYMLINE.sha256": string(store.DigestOf([]byte("{}")))}}); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(tw, "{}")
		if err := tw.Close(); err != nil {
			t.Fatal(err)
		}
		w := empty(t)
		if _, err := w.unpack(out.Bytes()); err == nil || errors.Is(err, pack.ErrCut) || len(w.objects()) > 0 {
			t.Errorf("%s: %v; %q", key, err, slices.Sorted(maps.Keys(w.objects())))
		}
	}
}

// What is damaged or absent where it is packed is named, and no archive comes of it.
func TestDamageIsNotPacked(t *testing.T) {
	for key := range newWorld(t).objects() {
		switch {
		case strings.HasPrefix(key, "blobs/"), strings.HasPrefix(key, "exports/"), strings.HasPrefix(key, "runs/x-2/") && !strings.HasSuffix(key, "alive.json"):
		default:
			continue // its bytes are bound by nothing here
		}
		w := newWorld(t)
		w.put(key, "}")
		if _, err := pack.Pack(t.Context(), w.Store, "x-2", io.Discard); err == nil || !strings.Contains(err.Error(), key) && !strings.HasPrefix(key, "runs/") {
			t.Errorf("%s is damaged: %v", key, err)
		}
	}
	w := newWorld(t)
	w.put("notes/x-2/1.json", "it can be anything")
	_ = w.pack()
}

// A record that is not the one that the seal binds is not packed.
func TestBoundRecords(t *testing.T) {
	for sum, good := range map[store.Digest]bool{store.DigestOf([]byte("{}")): true, store.DigestOf([]byte("{ }")): false} {
		w := newWorld(t)
		w.put("runs/x-2/acts/1.json", "{}")
		binding, err := w.PutBlob(t.Context(), fmt.Appendf(nil, `{"format":1,"run":"x-2","records":[{"key":"runs/x-2/acts/1.json","sha256":%q}]}`, sum))
		w.ok(err)
		w.put("runs/x-2/seal.json", fmt.Sprintf(`{"format":1,"run":"x-2","state":"Succeeded","binding":%q}`, binding))
		if _, err := pack.Pack(t.Context(), w.Store, "x-2", io.Discard); (err == nil) != good {
			t.Errorf("%s: %v", sum, err)
		}
	}
}
