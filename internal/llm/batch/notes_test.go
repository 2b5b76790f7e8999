package batch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

// The records of format 1, byte for byte: those that were written must always be read.
const (
	fixtureMark   = "9df81af823b3cbcb29b6232e044e3fbef102cc879825d2161e4ca61eb93b6d9d"
	fixtureNote   = `{"format":1,"created":"2026-01-02T03:04:05.000006Z","keys":["0101010101010101010101010101010101010101010101010101010101010101","0202020202020202020202020202020202020202020202020202020202020202"]}` + "\n"
	fixtureClaim  = `{"format":1,"id":"batch_7"}` + "\n"
	fixtureClosed = `{"format":1}` + "\n"
)

var fixtureTime = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)

func keyOf(b byte) (k llm.Key) {
	copy(k[:], bytes.Repeat([]byte{b}, len(k)))
	return k
}

func TestFormat1(t *testing.T) {
	n := notes{store.NewMem(), "ledger/x/batches/"}
	e, err := n.write(t.Context(), []llm.Key{keyOf(1), keyOf(2)}, fixtureTime)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := n.claim(t.Context(), e.mark, "batch_7"); err != nil || id != "batch_7" {
		t.Fatal(id, err)
	}
	got, err := n.entry(t.Context(), e.mark, true)
	if err != nil || got.id != "batch_7" || len(got.keys) != 2 || got.keys[1] != keyOf(2) || !got.created.Equal(fixtureTime) || !got.adopted {
		t.Errorf("%+v, %v", got, err)
	}
	if open, err := n.marks(t.Context()); err != nil || fmt.Sprint(open) != "map["+fixtureMark+":true]" {
		t.Errorf("%v, %v", open, err)
	}
	if err := n.close(t.Context(), e.mark); err != nil {
		t.Fatal(err)
	}
	if open, err := n.marks(t.Context()); err != nil || len(open) != 0 {
		t.Errorf("%v, %v", open, err)
	}
	for name, want := range map[string]string{noteSuffix: fixtureNote, claimSuffix: fixtureClaim, closedSuffix: fixtureClosed} {
		body, err := n.bucket.Get(t.Context(), n.prefix+fixtureMark+name)
		if err != nil {
			t.Error(err)
			continue
		}
		if data, _ := io.ReadAll(body); string(data) != want {
			t.Errorf("%s is\n%s, want\n%s", name, data, want)
		}
	}
	// The same requests noted once more, at the same time, is another batch.
	again, err := n.write(t.Context(), []llm.Key{keyOf(1), keyOf(2)}, fixtureTime)
	if err != nil || again.mark == e.mark {
		t.Errorf("%+v, %v", again, err)
	}
}

// Whoever claims first decides, for all.
func TestClaimOnce(t *testing.T) {
	n := notes{store.NewMem(), ""}
	holds := make([]string, 8)
	var wg sync.WaitGroup
	for i := range holds {
		wg.Go(func() {
			id := ""
			if i > 0 {
				id = fmt.Sprint("batch_", i)
			}
			var err error
			if holds[i], err = n.claim(t.Context(), "m", id); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, h := range holds {
		if h != holds[0] {
			t.Errorf("not all agree: %q", holds)
		}
	}
}

// A record that cannot be read stops the run: to pass over it would pay again.
func TestDamagedJournal(t *testing.T) {
	for text, code := range map[string]int{"{": fault.Permanent, "": fault.Permanent, `{"format":1,"keys":["zz"]}`: fault.Permanent, `{"format":2}`: fault.Config} {
		n := notes{store.NewMem(), "p/"}
		if err := n.bucket.Put(t.Context(), "p/m.json", strings.NewReader(text), int64(len(text))); err != nil {
			t.Fatal(err)
		}
		_, err := n.entry(t.Context(), "m", false)
		if fault.Code(err) != code || !strings.Contains(err.Error(), "p/m.json") || errors.Is(err, store.ErrCorrupt) != (code == fault.Permanent) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
