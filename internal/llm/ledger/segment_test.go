package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

var update = flag.Bool("update", false, "write the fixture of a new format version")

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
	b := store.NewMem()
	put(t, b, key, data)
	text := decoded(t, b, key)
	for what, change := range map[string][2]string{
		"answer": {"answer 1 to a", "answer 9 to a"}, "key": {`"keys":"`, `"keys":"0`}, "format": {`"format":1`, `"format":2`},
		"line gone": {"\n{\"response\"", "{\"response\""},
	} {
		edited := strings.Replace(text, change[0], change[1], 1)
		if edited == text {
			t.Fatalf("%s: nothing changed", what)
		}
		put(t, b, key, compress(edited))
		if err := replayAll(t, b); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: %v", what, err)
		}
	}
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
	d, _ := IdentityOf(model).digest()
	put(t, b, "ledger/"+Key(d).String()+"/"+string(store.DigestOf([]byte(head)))+suffix, compress(head))
	if err := replayAll(t, b); err == nil || fault.Code(err) != fault.Config || !strings.Contains(err.Error(), "format 99") {
		t.Errorf("got %v", err)
	}
}

// TestReadFails: a connection that breaks is the store's failure, not damage.
func TestReadFails(t *testing.T) {
	_, data := one(t)
	for n := range len(data) {
		s, err := openSegment("k", io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(&store.Error{Op: "get", Key: "k", Kind: store.Transient, Err: errors.New("reset")})))
		if err == nil {
			_, err = s.line(maxHeader)
			for err == nil {
				_, err = s.line(maxLine)
			}
			s.close()
		}
		if fault.Code(err) != fault.Temporary || errors.Is(err, store.ErrCorrupt) {
			t.Fatalf("after %d bytes: %v", n, err)
		}
	}
}

const fixture = "testdata/format1"

// TestFixture: what format 1 wrote can still be read, to the letter.
func TestFixture(t *testing.T) {
	recordFixture := func(b store.Bucket) {
		l := open(t, b)
		c := wrap(t, l, &provider{chat: func(_ context.Context, n int64, _ *llm.Request) (*llm.Response, error) {
			if n == 2 {
				return nil, &llm.Error{Model: "gpt", Status: 400, Code: "content_policy", Class: llm.Refused, Err: errors.New("no")}
			}
			return &llm.Response{Content: `{"tasks":[]}`, FinishReason: "stop", Model: "m-2024", Usage: llm.Usage{Calls: 1, Prompt: 9, Cached: 1, Completion: 2}}, nil
		}})
		chat(t, c, ask("a"))
		_, _ = c.Chat(t.Context(), ask("b"))
		closeLedger(t, l)
	}
	if *update {
		b := store.NewMem()
		recordFixture(b)
		key := segments(t, b)[0]
		file := filepath.Join(fixture, filepath.FromSlash(key))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, stored(t, b, key), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	b := store.NewMem()
	files, err := filepath.Glob(filepath.Join(fixture, "ledger", "*", "*"+suffix))
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixture: %v", err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		put(t, b, strings.TrimPrefix(filepath.ToSlash(f), fixture+"/"), data)
	}
	c := wrap(t, open(t, b, replayOnly), nil)
	want := llm.Response{Content: `{"tasks":[]}`, FinishReason: "stop", Model: "m-2024", Usage: llm.Usage{Calls: 1, Prompt: 9, Cached: 1, Completion: 2, Replayed: 1}}
	if got := chat(t, c, ask("a")); got != want {
		t.Errorf("got %+v", got)
	}
	if _, err := c.Chat(t.Context(), ask("b")); err == nil || err.Error() != "model gpt: HTTP 400 content_policy: no" {
		t.Errorf("got %v", err)
	}
}

// FuzzSegment: no bytes at all make the reader panic, hang or fill memory, even
// where the attacker gets the name right.
func FuzzSegment(f *testing.F) {
	for _, head := range []string{
		`{"format":1,"keys":"` + strings.Repeat("0f", 32) + `","failed":[0],"answers":{"bytes":3,"sha256":"x"},"requests":{"bytes":3}}`,
		`{"format":1,"keys":"zz","answers":{"bytes":-1}}`, `{"format":1,"failed":[7]}`, `{}`, `[`, ``,
	} {
		f.Add([]byte(head), []byte("{}\n{}\n"), false)
	}
	files, _ := filepath.Glob(filepath.Join(fixture, "ledger", "*", "*"+suffix))
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, []byte(nil), true)
	}
	b := &book{index: map[Key]place{}}
	f.Fuzz(func(t *testing.T, head, rest []byte, raw bool) {
		data, line := head, append(bytes.ReplaceAll(head, []byte("\n"), nil), '\n')
		if !raw {
			data = compress(string(line) + string(rest))
		}
		s, err := openSegment("k", bytes.NewReader(data))
		if err != nil {
			return
		}
		defer s.close()
		h, err := s.header(string(store.DigestOf(line)))
		if err != nil {
			return
		}
		lines, err := s.answers(h)
		if err == nil && len(lines) != len(h.Keys) {
			t.Errorf("%d answers for %d keys", len(lines), len(h.Keys))
		}
		b.add(&segment{}, h)
		r := &recorder{model: "m"}
		for _, line := range lines {
			if resp, err := r.replay(line, "k"); (resp == nil) == (err == nil) {
				t.Errorf("%s: %v, %v", line, resp, err)
			}
		}
	})
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
