package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/gymline/gymline/internal/fault"
)

// TestDecodeAhead: rows come in their order, whatever decodes them, up to the
// first line that is none, an error of the reader, or one of the caller's own; and
// nothing is left under way then.
func TestDecodeAhead(t *testing.T) {
	const n = 800
	type row struct {
		N    int    `json:"n"`
		Text string `json:"text"`
	}
	text := func(broken int) string {
		var b strings.Builder
		for i := range n {
			if i == broken {
				b.WriteString("{\n")
				continue
			}
			fmt.Fprintf(&b, `{"n":%d,"text":%q}`+"\n\n", i, strings.Repeat("x", i*i%2503))
		}
		return b.String()
	}
	errOwn, errRead := errors.New("enough"), errors.New("cut off")
	for _, c := range []struct {
		name string
		r    io.Reader
		stop int // the caller's error comes with this row
		want int // rows
		err  string
	}{
		{"all", strings.NewReader(text(-1)), -1, n, ""},
		{"a broken first line", strings.NewReader(text(0)), -1, 0, "rows:1: not a JSON row"},
		{"a broken line", strings.NewReader(text(601)), -1, 601, "rows:1203: not a JSON row"},
		{"stopped at once", strings.NewReader(text(-1)), 0, 0, "enough"},
		{"stopped", strings.NewReader(text(-1)), 700, 700, "enough"},
		{"stopped before a broken line", strings.NewReader(text(701)), 700, 700, "enough"},
		{"cut off", io.MultiReader(strings.NewReader(text(-1)), iotest.ErrReader(errRead)), -1, n, "cut off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // which fails where a goroutine is left
				got := 0
				err := Decode(c.r, "rows", func(line int, r *row) error {
					if r.N == c.stop {
						return errOwn
					}
					if r.N != got || line != 2*got+1 {
						t.Fatalf("row %d on line %d follows %d rows", r.N, line, got)
					}
					got++
					return nil
				})
				if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
					t.Errorf("%d rows and %v, want %d and %q", got, err, c.want, c.err)
				}
			})
		})
	}
}

// FuzzDecode: whatever a JSONL stream holds, each line is a row or the error
// names the first line that is none, and is permanent.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{"{\"id\":\"a\"}\n\n{\"id\":\"b\"}", "{\"id\":\"a\"}\r\n{\"id\":\"b\"", "\n \t\nnull\n[]\n", "{\"id\":1}", "\ufeff{}", "{}{}\n", "{\"id\":\"\\ud800\"}"} {
		f.Add([]byte(text))
	}
	type row struct {
		ID string `json:"id"`
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		good := 0
		last := 0
		err := Decode(bytes.NewReader(text), "rows", func(n int, _ *row) error {
			if n <= last {
				t.Fatalf("line %d after line %d", n, last)
			}
			good, last = good+1, n
			return nil
		})
		want, broken := 0, false
		for line := range bytes.SplitSeq(text, []byte("\n")) {
			if len(bytes.TrimSpace(line)) == 0 {
				continue
			}
			if broken = json.Unmarshal(line, new(row)) != nil; broken {
				break
			}
			want++
		}
		if good != want || (err != nil) != broken {
			t.Fatalf("%q: %d rows, %v; want %d, broken: %v", text, good, err, want, broken)
		}
		if err != nil && (!strings.HasPrefix(err.Error(), "rows:") || fault.Code(err) != fault.Permanent) {
			t.Fatalf("%q: %v with the code %d", text, err, fault.Code(err))
		}
	})
}
