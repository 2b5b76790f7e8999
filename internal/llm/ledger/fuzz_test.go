package ledger

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
)

// fixtureObjects returns the stored bytes of every object of the fixtures.
func fixtureObjects(f *testing.F) (all [][]byte) {
	for _, format := range []string{"format2", "format2-levels"} {
		b := loadFixture(f, format)
		for key := range b.List(f.Context(), "") {
			body, err := b.Get(f.Context(), key)
			if err != nil {
				f.Fatal(err)
			}
			var data bytes.Buffer
			_, _ = data.ReadFrom(body)
			all = append(all, data.Bytes())
		}
	}
	return all
}

// FuzzSegment: no bytes at all make the reader panic, hang or fill memory, even
// where the attacker gets the name right.
func FuzzSegment(f *testing.F) {
	for _, head := range []string{
		`{"format":2,"keys":"` + strings.Repeat("0f", 32) + `","failed":[0],"answers":{"bytes":3,"sha256":"x"},"requests":{"bytes":3},"frames":{"rows":[1],"stored":[9],"sums":"` + strings.Repeat("0f", 32) + `"}}`,
		`{"format":2,"keys":"zz","answers":{"bytes":-1}}`, `{"format":2,"failed":[7]}`, `{}`, `[`, ``,
	} {
		f.Add([]byte(head), []byte("{}\n{}\n"), false)
	}
	for _, data := range fixtureObjects(f) {
		f.Add(data, []byte(nil), true)
	}
	f.Fuzz(func(t *testing.T, head, rest []byte, raw bool) {
		data, line := head, append(bytes.ReplaceAll(head, []byte("\n"), nil), '\n')
		if !raw {
			data = compress(string(line) + string(rest))
		}
		s := newReader("k", bytes.NewReader(data))
		defer s.close()
		h, err := s.header(&object{key: "k", digest: string(store.DigestOf(line))})
		if err != nil {
			return
		}
		lines, err := s.answers(h)
		if err == nil && len(lines) != len(h.Keys) {
			t.Errorf("%d answers for %d keys", len(lines), len(h.Keys))
		}
		for _, line := range lines {
			checkReplay(t, line)
		}
	})
}

// checkReplay: an answer is a response or an error.
func checkReplay(t *testing.T, line []byte) {
	t.Helper()
	r := &recorder{model: "m"}
	if resp, err := r.replay(line, "k"); (resp == nil) == (err == nil) {
		t.Errorf("%s: %v, %v", line, resp, err)
	}
}

// FuzzAnswer: any line at all.
func FuzzAnswer(f *testing.F) {
	for _, line := range []string{
		`{"response":{"content":"{}","finishReason":"stop","model":"m","usage":{"calls":1}},"elapsedMs":3}`,
		`{"error":{"status":400,"code":"c","message":"no"},"elapsedMs":0}`, `{"response":null}`, `{"response":{},"error":{}}`, `null`, `[]`, ``, "{\"response\":\xff}",
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) { checkReplay(t, line) })
}

// FuzzHeader: whatever a header with the right digest says, the index stays
// within it.
func FuzzHeader(f *testing.F) {
	key := strings.Repeat("0f", 32)
	for _, line := range []string{
		`{"format":2,"created":"2026-01-02T03:04:05.000006Z","keys":"` + key + `","frames":{"rows":[1],"stored":[9],"sums":"` + key + `"}}`,
		`{"format":2,"keys":"` + key + key + `","failed":[1],"flushes":[[1,7],[0,-1],[99,3]],"frames":{"rows":[1,1],"stored":[1,1],"sums":"` + key + key + `"}}`,
		`{"format":2,"keys":"` + key + `","frames":{"rows":[-1,2],"stored":[1,1],"sums":"` + key + key + `"}}`,
		`{"format":2,"keys":"","frames":{}}`, `{"format":3}`, `{"format":2,"frames":{"rows":[9223372036854775807,2]}}`, `null`, ``,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		digest := string(store.DigestOf(line))
		h, err := parseHeader("k", digest, line)
		if err != nil {
			return
		}
		seg := segmentOf(object{key: "k", digest: digest, headerSize: 1}, h)
		b := newBook(nil, Identity{}, [32]byte{})
		b.add(seg, h.Keys)
		b.add(seg, h.Keys)
		for key, p := range b.index {
			if h.Keys[p.row] != key {
				t.Errorf("row %d is not %s", p.row, key)
			}
			b.segs[p.seg].at(p.row)
		}
		row := 0
		for _, fr := range seg.frames {
			if fr.row != row || fr.rows < 1 {
				t.Errorf("a frame of %d rows at %d, want it at %d", fr.rows, fr.row, row)
			}
			row += fr.rows
		}
		if row != len(h.Keys) {
			t.Errorf("%d rows in frames for %d keys", row, len(h.Keys))
		}
	})
}

// FuzzFrame: bytes that are none, also with the right digest.
func FuzzFrame(f *testing.F) {
	for _, text := range []string{"{}\n{}\n", "", "\n", "a", "a\nb"} {
		f.Add([]byte(text), 2, false)
		f.Add(compress(text), 1, true)
	}
	for _, data := range fixtureObjects(f) {
		f.Add(data, 3, true)
	}
	zr, _ := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(1<<20))
	f.Fuzz(func(t *testing.T, text []byte, rows int, raw bool) {
		data := text
		if !raw {
			data = compress(string(text))
		}
		lines, err := decodeFrame(zr, "k", rows, sha256.Sum256(text), data)
		if err == nil && len(lines) != rows {
			t.Errorf("%d lines, want %d", len(lines), rows)
		}
	})
}

// FuzzJournal: any bytes in place of a journal.
func FuzzJournal(f *testing.F) {
	for _, data := range fixtureObjects(f) {
		f.Add(data)
	}
	f.Add(compress("{\"sha256\":\"x\"}\n{}\n"))
	f.Add(compress("[]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l := &Ledger{opt: Options{Bucket: store.NewMem()}, cache: newCache(cacheBytes)}
		b := newBook(l, Identity{}, [32]byte{})
		put(t, l.opt.Bucket, "k", data)
		o := object{key: "k", journal: "j"}
		h, _, err := b.readJournal(t.Context(), &o)
		if err != nil {
			if !errors.Is(err, store.ErrCorrupt) && fault.Code(err) != fault.Config {
				t.Error(err)
			}
			return
		}
		seg := segmentOf(o, h)
		b.add(seg, h.Keys)
		for key, p := range b.index {
			line, err := b.read(t.Context(), key, found{seg: seg, row: int(p.row)})
			if err != nil {
				t.Fatal(err)
			}
			checkReplay(t, line)
		}
	})
}

// FuzzName: a name that is read is written the same way.
func FuzzName(f *testing.F) {
	digest := strings.Repeat("0f", 32)
	for _, name := range []string{digest + suffix, digest + "-12" + suffix, digest + "--1" + suffix, "journal/" + digest + "/3" + suffix, "journal/" + digest + suffix, "journal//0" + suffix, digest, suffix, "-" + suffix, "x/" + digest + "/1" + suffix} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		o, ok := parseKey("p/", "p/"+name)
		if !ok {
			return
		}
		want := "p/" + o.digest + suffix
		switch {
		case strings.HasPrefix(name, "journal/"+o.journal+"/") && o.journal != "":
			want = o.key // of several objects
		case o.journal != "":
			want = journalKey("p/", o.journal)
		case o.headerSize != 0:
			want = segmentKey("p/", o.digest, o.headerSize)
		}
		if o.key != want || o.key != "p/"+name {
			t.Errorf("%q is read as %q", o.key, want)
		}
	})
}
