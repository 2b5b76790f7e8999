package pack_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/audit/pack"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/ledger"
	"github.com/gymline/gymline/internal/store"
)

// An entry is one of an archive.
type entry struct {
	name, body string
	pax        map[string]string
}

func entries(t *testing.T, archive []byte) (list []entry) {
	t.Helper()
	for tr := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, entry{h.Name, string(body), h.PAXRecords})
	}
}

// craft makes an archive whose sums are right.
func craft(t *testing.T, list []entry) []byte {
	t.Helper()
	var out bytes.Buffer
	tw, sum, n := tar.NewWriter(&out), sha256.New(), 0
	for _, e := range list {
		h := &tar.Header{Name: e.name, Mode: 0o600, PAXRecords: maps.Clone(e.pax)}
		digest := store.DigestOf([]byte(e.body))
		switch e.name {
		case "end.json":
			e.body = fmt.Sprintf(`{"objects":%d,"sha256":"%x"}`, n, sum.Sum(nil))
		case "gymline.json":
		default:
			if n++; strings.HasPrefix(e.name, "blobs/") {
				digest = store.Digest(e.name[strings.LastIndexByte(e.name, '/')+1:])
			} else {
				if h.PAXRecords == nil {
					h.PAXRecords = map[string]string{}
				}
				h.PAXRecords["GYMLINE.sha256"] = string(digest)
			}
			fmt.Fprintf(sum, "%s %s\n", e.name, digest)
		}
		h.Size = int64(len(e.body))
		err := tw.WriteHeader(h)
		if err == nil {
			_, err = io.WriteString(tw, e.body)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// crafted is the archive of a run with more entries before its records.
func crafted(t *testing.T, more ...entry) []byte {
	t.Helper()
	list := entries(t, newWorld(t).pack())
	at := slices.IndexFunc(list, func(e entry) bool { return strings.HasPrefix(e.name, "runs/") })
	return craft(t, slices.Insert(list, at, more...))
}

// exchange records one call, and returns where.
func (w *world) exchange(question string, end bool) (key string) {
	w.Helper()
	model := llm.Model{Name: "gpt", Provider: "openai", BaseURL: "http://host.test/v1", Model: "m"}
	before := w.objects()
	l := ledger.New(ledger.Options{Bucket: w.Bucket(), Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Unix(1000, 0) }})
	chat, err := l.Wrap(w.Context(), model, llm.ChatFunc(func(context.Context, *llm.Request) (*llm.Response, error) { return &llm.Response{Content: "yes"}, nil }))
	w.ok(err)
	_, err = chat.Chat(w.Context(), &llm.Request{Messages: []llm.Message{{Role: llm.User, Content: question}}})
	w.ok(err)
	if end {
		w.ok(l.Close(w.Context()))
	} else {
		w.ok(l.Flush(w.Context()))
		defer l.Close(context.Background())
	}
	for k := range w.objects() {
		if _, there := before[k]; !there {
			key = k
		}
	}
	return key
}

// Recorded answers that are here stay, whatever an archive has at their place; one that
// is damaged is mended by a whole one.
func TestRecordedAnswersStay(t *testing.T) {
	w := newWorld(t)
	key := w.exchange("why", true)
	segment := w.objects()[key]
	for _, forged := range []string{"garbage", strings.Repeat("g", len(segment)), segment + "g", strings.Repeat("g", 2<<20)} {
		for _, at := range []string{key, strings.Replace(key, "0", "1", 1), ledgerOf("1") + "-7.jsonl.zst", strings.Replace(ledgerOf("2"), "/2", "/journal/2", 1) + ".jsonl.zst"} {
			here := empty(t)
			here.put(key, segment)
			if _, err := here.unpack(crafted(t, entry{name: at, body: forged})); !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("%s: %v", at, err)
			}
			for k, body := range here.objects() {
				if strings.HasPrefix(k, "ledger/") && (k != key || body != segment) {
					t.Errorf("%s was written, %d bytes", k, len(body))
				}
			}
		}
	}
	for _, damaged := range []string{segment, "cut", strings.Repeat("d", len(segment)), segment[:len(segment)-1]} {
		here := empty(t)
		here.put(key, damaged)
		if _, err := here.unpack(crafted(t, entry{name: key, body: segment})); err != nil || here.objects()[key] != segment {
			t.Errorf("%d bytes: %v", len(damaged), err)
		}
	}
}

// A segment has the name that readers go by.
func TestSegmentsHaveTheirNames(t *testing.T) {
	w := newWorld(t)
	key := w.exchange("why", true)
	segment := w.objects()[key]
	at := strings.LastIndexByte(key, '-')
	for _, name := range []string{".jsonl.zst", "-1.jsonl.zst", "-0" + key[at+1:], "-9" + key[at+1:], "-99999999999999999999.jsonl.zst"} {
		here := empty(t)
		if _, err := here.unpack(crafted(t, entry{name: key[:at] + name, body: segment})); err == nil || here.objects()[key[:at]+name] != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Nor is one packed whose answers are not those of its header.
	for _, damaged := range []string{segment[:len(segment)-2], segment + segment} {
		w.put(key, damaged)
		if _, err := pack.Pack(t.Context(), w.Store, "x-2", io.Discard); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%d bytes instead of %d: %v", len(damaged), len(segment), err)
		}
	}
}

func runOf(t *testing.T, archive []byte) (list []entry, run int) {
	list = entries(t, archive)
	return list, slices.IndexFunc(list, func(e entry) bool { return e.name == "runs/x-2/run.json" })
}

// An archive brings entries of its run's account, and what is known of removed runs of
// its experiment: none of another's, and none that the run's own numbers contradict.
func TestOtherRunsAreOutOfReach(t *testing.T) {
	spend := func(account string, number int, total float64) string {
		return fmt.Sprintf(`{"format":1,"account":%q,"number":%d,"usd":%v,"total":%v}`, account, number, total, total)
	}
	for _, bad := range []entry{
		{name: "runs/paid-1/spend/1.json", body: spend("paid-1", 1, 3)},
		{name: "runs/x-3/spend/1.json", body: spend("x-3", 1, 3)},
		{name: "runs/x-2/spend/1.json", body: spend("x-2", 1, 3)},
		{name: "runs/x-9223372036854775807/spend/1.json", body: `{"format":1}`},
		{name: "runs/x-1/spend/2.json", body: spend("x-1", 2, -1000000)},
		{name: "runs/x-1/spend/2.json", body: spend("x-1", 1, 3)},
		{name: "runs/x-1/spend/3.json", body: spend("x-1", 3, 3)},
		{name: "runs/x-1/spend/02.json", body: spend("x-1", 2, 3)},
		{name: "runs/x-1/spend/2.json", body: "{"},
		{name: "removed/other-3.json", body: `{"format":1,"run":"other-3","experiment":"other"}`},
		{name: "removed/other-3.json", body: `{"format":1,"run":"other-3","experiment":"x"}`},
		{name: "removed/x-3.json", body: `{"format":1,"run":"x-4","experiment":"x"}`},
		{name: "removed/x-3.json", body: `{"format":1,"run":"x-3","experiment":"other"}`},
	} {
		w := empty(t)
		if _, err := w.unpack(crafted(t, bad)); err == nil || errors.Is(err, pack.ErrCut) || !strings.Contains(err.Error(), "runs/x-2/run.json") {
			t.Errorf("%s %s: %v", bad.name, bad.body, err)
		}
		for key := range w.objects() {
			if key == bad.name || key == "runs/x-2/run.json" || key == "runs/x-1/spend/1.json" {
				t.Errorf("%s: %s was stored", bad.name, key)
			}
		}
	}
	w := empty(t)
	if _, err := w.unpack(crafted(t, entry{name: "runs/x-1/spend/2.json", body: spend("x-1", 2, 3)}, entry{name: "removed/x-3.json", body: `{"run":"x-3","experiment":"x"}`})); err != nil {
		t.Error(err)
	}
}

// A run that is here was not removed.
func TestRunThatIsHereWasNotRemoved(t *testing.T) {
	w := empty(t)
	w.ok(w.CreateRun(t.Context(), store.Run{ID: "x-1", Experiment: "x"}))
	_, err := w.unpack(crafted(t, entry{name: "removed/x-2.json", body: `{"run":"x-2","experiment":"x"}`}))
	w.ok(err)
	for key := range w.objects() {
		if strings.HasPrefix(key, "removed/") {
			t.Error(key)
		}
	}
}

// A run whose number leaves none after it is refused, and so is one without its record.
func TestRunsThatCannotBe(t *testing.T) {
	for _, id := range []string{"x-9223372036854775807", "x-99999999999999999999", "x-9007199254740992"} {
		w := empty(t)
		archive := craft(t, []entry{{name: "gymline.json", body: fmt.Sprintf(`{"format":1,"run":%q,"record":"x"}`, id)}, {name: "end.json"}})
		if _, err := w.unpack(archive); err == nil || !strings.Contains(err.Error(), "so high a number") {
			t.Errorf("%s: %v", id, err)
		}
	}
	list, run := runOf(t, newWorld(t).pack())
	for name, list := range map[string][]entry{
		"without":   slices.Delete(slices.Clone(list), run, run+1),
		"not last":  slices.Insert(slices.Clone(list), run+1, entry{name: "runs/x-2/acts/9.json", body: "{}"}),
		"of others": slices.Replace(slices.Clone(list), run, run+1, entry{name: "runs/x-2/run.json", body: "{}"}),
	} {
		w := empty(t)
		if _, err := w.unpack(craft(t, list)); err == nil || w.objects()["runs/x-2/run.json"] != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What waits to be stored is bounded by its bytes: records, too, come to the store before
// the archive ends.
func TestRecordsAreBoundedByBytes(t *testing.T) {
	list, at := runOf(t, newWorld(t).pack())
	large := strings.Repeat("r", 17<<20)
	list = slices.Insert(list, at, entry{name: "runs/x-2/a", body: large}, entry{name: "runs/x-2/b", body: large}, entry{name: "runs/x-2/c", body: large})
	archive := craft(t, list[:at+3])
	w := empty(t)
	if _, err := w.unpack(archive[:len(archive)-1024]); !errors.Is(err, pack.ErrCut) {
		t.Error(err)
	}
	if all := w.objects(); all["runs/x-2/a"] != large || all["runs/x-2/b"] != large {
		t.Errorf("of 51 MiB of records %d objects were stored", len(all))
	}
	var others []entry
	for i := range 5 {
		others = append(others, entry{name: fmt.Sprintf("removed/x-%d.json", i+3), body: large})
	}
	if _, err := empty(t).unpack(crafted(t, others...)); err == nil || !strings.Contains(err.Error(), "of more than") {
		t.Error(err)
	}
}

// An entry has the bytes that the archive has of it, and no holes.
func TestSparseEntriesAreRefused(t *testing.T) {
	const size = 1 << 20
	hole := make([]byte, size)
	block := fmt.Appendf(nil, "1\n%d\n0\n", size)
	block = append(block, make([]byte, 512-len(block))...)
	var out bytes.Buffer
	tw := tar.NewWriter(&out)
	head := entries(t, newWorld(t).pack())[0]
	write := func(h *tar.Header, body []byte) {
		h.Size, h.Mode = int64(len(body)), 0o600
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(body); err != nil {
			t.Fatal(err)
		}
		if err := tw.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	write(&tar.Header{Name: head.name}, []byte(head.body))
	var pax []byte
	for _, r := range [][2]string{{"GNU.sparse.major", "1"}, {"GNU.sparse.minor", "0"}, {"GNU.sparse.name", "runs/x-2/z"}, {"GNU.sparse.realsize", fmt.Sprint(size)}, {"GYMLINE.sha256", string(store.DigestOf(hole))}} {
		n := len(r[0]) + len(r[1]) + 3
		for len(fmt.Sprintf("%d %s=%s\n", n, r[0], r[1])) != n {
			n++
		}
		pax = fmt.Appendf(pax, "%d %s=%s\n", n, r[0], r[1])
	}
	start := out.Len()
	write(&tar.Header{Name: "pax"}, pax)
	typed(out.Bytes()[start:], 'x')
	write(&tar.Header{Name: "z"}, block)
	w := empty(t)
	if _, err := w.unpack(out.Bytes()); !errors.Is(err, pack.ErrRefused) || !strings.Contains(err.Error(), "no plain file") {
		t.Error(err)
	}
}

// typed makes a header one of another type.
func typed(header []byte, flag byte) {
	header[156] = flag
	copy(header[148:156], "        ")
	sum := 0
	for _, b := range header[:512] {
		sum += int(b)
	}
	copy(header[148:156], fmt.Sprintf("%06o\x00 ", sum))
}
