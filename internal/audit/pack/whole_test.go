package pack_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/audit/pack"
	"github.com/gymline/gymline/internal/store"
)

// bind seals the run of a world with a binding of all its records.
func (w *world) bind() *world {
	w.Helper()
	var records []string
	keys, err := w.BoundKeys(w.Context(), "x-2")
	w.ok(err)
	for _, key := range append(keys, "runs/x-1/spend/1.json") {
		b, err := w.Bind(w.Context(), key)
		w.ok(err)
		records = append(records, fmt.Sprintf(`{"key":%q,"sha256":%q}`, key, b.SHA256))
	}
	binding, err := w.PutBlob(w.Context(), fmt.Appendf(nil, `{"format":1,"run":"x-2","records":[%s]}`, strings.Join(records, ",")))
	w.ok(err)
	w.put("runs/x-2/seal.json", fmt.Sprintf(`{"format":1,"run":"x-2","state":"Succeeded","binding":%q}`, binding))
	return w
}

// An archive that contradicts its run's seal, or lacks what the run names, is refused by
// the name of what it is, and shows no run.
func TestArchiveMustBeWhole(t *testing.T) {
	archive := newWorld(t).bind().pack()
	if _, err := empty(t).unpack(archive); err != nil {
		t.Fatal(err)
	}
	refused := func(name string, list []entry) {
		t.Helper()
		w := empty(t)
		if _, err := w.unpack(craft(t, list)); !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if w.objects()["runs/x-2/run.json"] != "" {
			t.Errorf("%s: the run is there", name)
		}
	}
	list := entries(t, archive)
	without := 0
	for i, e := range list {
		record := strings.HasPrefix(e.name, "runs/") && e.name != "runs/x-2/seal.json"
		if record && e.name != "runs/x-2/run.json" {
			altered := slices.Clone(list)
			altered[i].body = strings.Replace(e.body, `"format"`, ` "format"`, 1)
			if altered[i].body == e.body {
				altered[i].body += " "
			}
			refused(e.name, altered)
		}
		if e.name == "runs/x-1/spend/1.json" || e.name == "runs/x-2/seal.json" || strings.HasSuffix(e.name, "exports.json") {
			continue
		}
		if record || strings.HasPrefix(e.name, "blobs/") {
			without++
			refused(e.name, slices.Delete(slices.Clone(list), i, i+1))
		}
	}
	if without < 10 {
		t.Errorf("%d objects were left out", without)
	}
	run := slices.IndexFunc(list, func(e entry) bool { return e.name == "runs/x-2/run.json" })
	altered := slices.Clone(list)
	altered[run].body += " "
	altered[0].body = strings.Replace(altered[0].body, string(store.DigestOf([]byte(list[run].body))), string(store.DigestOf([]byte(altered[run].body))), 1)
	refused("runs/x-2/run.json", altered)
}

// A record that the seal binds and that is gone leaves no archive.
func TestLostRecordIsNotPacked(t *testing.T) {
	w := newWorld(t).bind()
	all := w.objects()
	delete(all, "runs/x-2/steps/predict/1.json")
	lost := empty(t)
	for key, body := range all {
		lost.put(key, body)
	}
	if _, err := pack.Pack(t.Context(), lost.Store, "x-2", io.Discard); !errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "runs/x-2/steps/predict/1.json") {
		t.Error(err)
	}
}

// What is here with the size that it should have, and damaged, is not taken for whole.
func TestDamageOfTheSameSizeIsMended(t *testing.T) {
	for _, large := range []int{3 << 10, 2 << 20} {
		w := worldOf(t, large)
		archive, want := w.pack(), w.objects()
		here := empty(t)
		_, err := here.unpack(archive)
		w.ok(err)
		damaged := 0
		for key, body := range here.objects() {
			if strings.HasPrefix(key, "blobs/") || strings.HasPrefix(key, "exports/") {
				damaged++
				here.put(key, strings.Repeat("d", len(body)))
			}
		}
		done, err := here.unpack(archive)
		if err != nil || done.There != done.Objects-damaged {
			t.Errorf("%+v, %d were damaged, %v", done, damaged, err)
		}
		for key, body := range here.objects() {
			if (strings.HasPrefix(key, "blobs/") || strings.HasPrefix(key, "exports/")) && body != want[key] {
				t.Errorf("%s is damaged", key)
			}
		}
	}
}

// Notes and signatures that came to the run here stay, and those of an archive follow them,
// once each.
func TestNotesAndSignaturesFollow(t *testing.T) {
	w := newWorld(t)
	w.ok(w.AddNote(t.Context(), store.Note{Run: "x-2", Text: "better"}))
	w.ok(w.AddSignature(t.Context(), "x-2", []byte(`{"by":"another"}`)))
	archive := w.pack()
	here := empty(t)
	w.ok(here.AddNote(t.Context(), store.Note{Run: "x-2", Text: "of here"}))
	w.ok(here.AddSignature(t.Context(), "x-2", []byte("of here")))
	for range 2 {
		_, err := here.unpack(archive)
		w.ok(err)
		all := here.objects()
		for key, want := range map[string]string{"signatures/x-2/1.json": "of here", "signatures/x-2/2.json": "{}", "signatures/x-2/3.json": `{"by":"another"}`} {
			if all[key] != want {
				t.Errorf("%s: %q", key, all[key])
			}
		}
		for key, want := range map[string]string{"notes/x-2/1.json": "of here", "notes/x-2/2.json": `"good"`, "notes/x-2/3.json": `"better"`} {
			if !strings.Contains(all[key], want) {
				t.Errorf("%s: %q", key, all[key])
			}
		}
		if all["notes/x-2/4.json"] != "" || all["signatures/x-2/4.json"] != "" {
			t.Error("they came twice")
		}
		notes, err := here.Notes(t.Context())
		if err != nil || notes["x-2"].Text != "better" {
			t.Errorf("%+v, %v", notes, err)
		}
	}
}

// A journal that is here comes once, also where another has its name.
func TestJournalsComeOnce(t *testing.T) {
	w := newWorld(t)
	key := w.exchange("why", false)
	if !strings.Contains(key, "/journal/") {
		t.Fatal(key)
	}
	journal := w.objects()[key]
	archive := crafted(t, entry{name: key, body: journal})
	here := empty(t)
	here.put(key, "of a process that is at work")
	for range 3 {
		if _, err := here.unpack(archive); err != nil {
			t.Fatal(err)
		}
		n := 0
		for k, body := range here.objects() {
			if strings.Contains(k, "/journal/") {
				n++
				if (k == key) == (body == journal) {
					t.Errorf("%s has %d bytes", k, len(body))
				}
			}
		}
		if n != 2 {
			t.Errorf("%d journals", n)
		}
	}
}

// What is no archive is told from one that is cut off.
func TestNoArchive(t *testing.T) {
	for _, text := range []string{"x", "root:x:0:0", "gymline.yaml", strings.Repeat("text ", 1000), "gymline.json" + strings.Repeat("!", 1000)} {
		if _, err := empty(t).unpack([]byte(text)); !errors.Is(err, pack.ErrNone) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	for _, text := range []string{"", "gym", "gymline.json"} {
		if _, err := empty(t).unpack([]byte(text)); !errors.Is(err, pack.ErrCut) || strings.Contains(err.Error(), "kept") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A raced bucket has another process's object at a key from the moment that one looked.
type raced struct {
	store.Bucket
	key string
}

func (r *raced) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	in, err := r.Bucket.Get(ctx, key)
	if key == r.key && errors.Is(err, store.ErrNotFound) {
		if err := r.Create(ctx, key, []byte("another's")); err != nil {
			return nil, err
		}
	}
	return in, err
}

// A process that takes a journal's name while it is looked for keeps what it wrote.
func TestJournalOfAnotherStays(t *testing.T) {
	w := newWorld(t)
	key := w.exchange("why", false)
	journal := w.objects()[key]
	archive := crafted(t, entry{name: key, body: journal})
	mem := store.NewMem()
	here := &world{t, store.New(&raced{mem, key})}
	if _, err := here.unpack(archive); err != nil {
		t.Fatal(err)
	}
	all := (&world{t, store.New(mem)}).objects()
	next := 0
	for k, body := range all {
		if strings.Contains(k, "/journal/") && k != key && body == journal {
			next++
		}
	}
	if all[key] != "another's" || next != 1 {
		t.Errorf("%q, and %d journals beside it", all[key], next)
	}
}
