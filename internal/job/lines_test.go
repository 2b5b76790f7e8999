package job

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/fault"
)

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
