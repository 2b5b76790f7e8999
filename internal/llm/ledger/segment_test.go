package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/golden"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

// put stores bytes at a key.
func put(t *testing.T, b store.Bucket, key string, data []byte) {
	t.Helper()
	if err := b.Put(t.Context(), key, bytes.NewReader(data), int64(len(data))); err != nil {
		t.Fatal(err)
	}
}

// one records a few exchanges and returns the segment's key and stored bytes.
func one(t *testing.T) (key string, data []byte) {
	t.Helper()
	bucket := store.NewMem()
	l := open(t, bucket)
	c := wrap(t, l, &provider{})
	for _, text := range []string{"a", "b", "c"} {
		chat(t, c, ask(text))
	}
	closeLedger(t, l)
	key = segments(t, bucket)[0]
	return key, stored(t, bucket, key)
}

// replayAll opens a replay over one object and asks for every exchange in it.
func replayAll(t *testing.T, bucket store.Bucket) error {
	l := open(t, bucket, replayOnly)
	c, err := l.Wrap(t.Context(), model, nil)
	if err != nil {
		return err
	}
	for _, text := range []string{"a", "b", "c"} {
		if _, err := c.Chat(t.Context(), ask(text)); err != nil {
			return err
		}
	}
	return nil
}

// TestDamage: a segment that was cut or altered anywhere is refused by name,
// and never answers differently.
func TestDamage(t *testing.T) {
	key, data := one(t)
	intact := store.NewMem()
	put(t, intact, key, data)
	if err := replayAll(t, intact); err != nil {
		t.Fatal(err)
	}
	answersEnd := damageHurts(t, key, data)
	refused := func(what string, bad []byte, must bool) {
		t.Helper()
		b := store.NewMem()
		put(t, b, key, bad)
		err := replayAll(t, b)
		switch {
		case err == nil && must:
			t.Errorf("%s: not refused", what)
		case err != nil && (!errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), key) || fault.Code(err) != fault.Permanent || fault.Hint(err) == ""):
			t.Errorf("%s: %v", what, err)
		}
	}
	for n := range len(data) {
		refused("cut", data[:n], n < answersEnd)
		flipped := slices.Clone(data)
		flipped[n] ^= 0x10
		refused("flipped", flipped, false)
	}
	refused("empty", nil, true)
	refused("not zstd", []byte(`{"format":1}`+"\n"), true)
}

// damageHurts returns how many of a segment's stored bytes a replay cannot do without.
func damageHurts(t *testing.T, key string, data []byte) int {
	t.Helper()
	for n := range len(data) {
		b := store.NewMem()
		put(t, b, key, data[:n])
		if replayAll(t, b) == nil {
			return n
		}
	}
	return len(data)
}

// TestAlteredText: whoever edits an answer and compresses it well is found out too.
func TestAlteredText(t *testing.T) {
	key, data := one(t)
	intact := store.NewMem()
	put(t, intact, key, data)
	text := decoded(t, intact, key)
	digest, _, _ := strings.Cut(filepath.Base(key), "-")
	for what, change := range map[string][2]string{
		"answer": {"answer 1 to a", "answer 9 to a"}, "key": {`"keys":"`, `"keys":"0`}, "format": {`"format":2`, `"format":1`},
		"line gone": {"\n{\"response\"", "{\"response\""},
	} {
		edited := strings.Replace(text, change[0], change[1], 1)
		if edited == text {
			t.Fatalf("%s: nothing changed", what)
		}
		lines := strings.SplitAfter(edited, "\n")
		head := compress(lines[0])
		b := store.NewMem()
		put(t, b, segmentKey("ledger/"+llm.Key(identityDigest(t)).String()+"/", digest, int64(len(head))), slices.Concat(head, compress(strings.Join(lines[1:4], "")), compress(strings.Join(lines[4:], ""))))
		if err := replayAll(t, b); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func identityDigest(t *testing.T) [32]byte {
	t.Helper()
	d, err := IdentityOf(model).digest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func compress(text string) []byte {
	zw, _ := zstd.NewWriter(nil)
	defer zw.Close()
	return zw.EncodeAll([]byte(text), nil)
}

// TestNewerFormat: a segment of a later version asks for a newer gymline.
func TestNewerFormat(t *testing.T) {
	head := `{"format":99,"keys":""}` + "\n"
	b := store.NewMem()
	prefix := "ledger/" + llm.Key(identityDigest(t)).String() + "/"
	put(t, b, segmentKey(prefix, string(store.DigestOf([]byte(head))), int64(len(compress(head)))), compress(head))
	if err := replayAll(t, b); err == nil || fault.Code(err) != fault.Config || !strings.Contains(err.Error(), "format 99") || !strings.Contains(fault.Hint(err), "newer") {
		t.Errorf("got %v", err)
	}
}

// TestUnreleasedFormat: what no release wrote is refused by name, with what to do.
func TestUnreleasedFormat(t *testing.T) {
	head := `{"format":1,"keys":""}` + "\n"
	prefix := "ledger/" + llm.Key(identityDigest(t)).String() + "/"
	for _, key := range []string{prefix + string(store.DigestOf([]byte(head))) + suffix, segmentKey(prefix, string(store.DigestOf([]byte(head))), int64(len(compress(head))))} {
		b := store.NewMem()
		put(t, b, key, compress(head))
		if err := replayAll(t, b); err == nil || fault.Code(err) != fault.Config || !strings.Contains(err.Error(), key+" has format 1") || !strings.Contains(fault.Hint(err), "remove that object") {
			t.Errorf("got %v", err)
		}
	}
}

// TestReadFails: a connection that breaks is the store's failure, not damage.
func TestReadFails(t *testing.T) {
	_, data := one(t)
	for n := range len(data) {
		s := newReader("k", io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(&store.Error{Op: "get", Key: "k", Kind: store.Transient, Err: errors.New("reset")})))
		_, err := s.line()
		for err == nil {
			_, err = s.line()
		}
		s.close()
		if fault.Code(err) != fault.Temporary || errors.Is(err, store.ErrCorrupt) {
			t.Fatalf("after %d bytes: %v", n, err)
		}
	}
}

// recordFixture records an answer and a refusal in a segment, and an answer that
// only a journal holds.
func recordFixture(t *testing.T, b store.Bucket) {
	record := func(texts ...string) *Ledger {
		l := open(t, b)
		c := wrap(t, l, &provider{chat: func(_ context.Context, _ int64, req *llm.Request) (*llm.Response, error) {
			if req.Messages[0].Content == "b" {
				return nil, &llm.Error{Model: "gpt", Status: 400, Code: "content_policy", Class: llm.Refused, Err: errors.New("no")}
			}
			return &llm.Response{Content: `{"tasks":[]}`, FinishReason: "stop", Model: "m-2024", Usage: llm.Usage{Calls: 1, Prompt: 9, Cached: 1, Completion: 2}}, nil
		}})
		for _, text := range texts {
			_, _ = c.Chat(t.Context(), ask(text))
		}
		return l
	}
	closeLedger(t, record("a", "b"))
	if err := record("c").Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// levelTexts are what format2-levels has answers to: a segment, and the journal of a
// process that was killed after 10 writes since, of which one level is superfluous.
var levelTexts = []string{"a", "c", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}

// loadFixture returns a bucket with the objects that a format's fixture holds.
func loadFixture(t testing.TB, format string) store.Bucket {
	b := store.NewMem()
	files := os.DirFS(filepath.Join("testdata", format))
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		return b.Put(t.Context(), name, bytes.NewReader(data), int64(len(data)))
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestFixture: what the format's versions wrote can still be read, to the letter:
// format2-levels has a journal of several objects, as before the first release.
func TestFixture(t *testing.T) {
	if *golden.Update {
		b := store.NewMem()
		recordFixture(t, b)
		for _, key := range segments(t, b) {
			golden.Write(t, filepath.Join("testdata", "format2", filepath.FromSlash(key)), stored(t, b, key))
		}
	}
	for format, texts := range map[string][]string{"format2": {"a", "c"}, "format2-levels": levelTexts} {
		c := wrap(t, open(t, loadFixture(t, format), replayOnly), nil)
		want := llm.Response{Content: `{"tasks":[]}`, FinishReason: "stop", Model: "m-2024", Usage: llm.Usage{Calls: 1, Prompt: 9, Cached: 1, Completion: 2, Replayed: 1}}
		for _, text := range texts {
			if got := chat(t, c, ask(text)); got != want {
				t.Errorf("%s: got %+v", format, got)
			}
		}
		if _, err := c.Chat(t.Context(), ask("b")); err == nil || err.Error() != "model gpt: HTTP 400 content_policy: no" {
			t.Errorf("%s: got %v", format, err)
		}
	}
}

// TestSegmentIsReadable: zstd -d gives JSON lines: the header, the answers, the requests.
func TestSegmentIsReadable(t *testing.T) {
	key, data := one(t)
	b := store.NewMem()
	put(t, b, key, data)
	lines := strings.Split(strings.TrimSuffix(decoded(t, b, key), "\n"), "\n")
	if len(lines) != 1+3+3 {
		t.Fatalf("%d lines", len(lines))
	}
	var h header
	if err := json.Unmarshal([]byte(lines[0]), &h); err != nil {
		t.Fatal(err)
	}
	requests := []byte(strings.Join(lines[4:], "\n") + "\n")
	if len(h.Keys) != 3 || h.Requests != partOf(requests) || h.Model.Model != "m" {
		t.Errorf("header %+v", h)
	}
	for i, want := range []string{"a", "b", "c"} {
		var req llm.Request
		if err := json.Unmarshal([]byte(lines[4+i]), &req); err != nil || req.Messages[0].Content != want {
			t.Errorf("request %d: %s, %v", i, lines[4+i], err)
		}
	}
}
