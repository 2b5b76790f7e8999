package batch

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gymline/gymline/internal/llm"
)

var someKey = strings.Repeat("0a", 32)

func TestParseLine(t *testing.T) {
	id := `{"custom_id":"` + someKey + `",`
	for text, want := range map[string]string{
		id + `"response":{"status_code":200,"body":{"a":1}},"error":null}`:             `{"a":1}`,
		id + `"response":{"status_code":429,"body":{"error":{"code":"x"}}}}`:           `{"error":{"code":"x"}}`,
		id + `"response":null,"error":{"code":"batch_expired","message":"too late"}}`:  `{"error":{"code":"batch_expired","message":"too late"}}`,
		id + `"response":{"status_code":200,"body":{"a":1}},"error":{"code":"x"}}`:     `{"a":1,"error":{"code":"x"}}`,
		id + `"response":{"status_code":200,"body":"a"},"error":"x"}`:                  `{"error":"x"}`,
		id + `"response":{"status_code":200,"body":{"a":1}},"error":{}}`:               `{"a":1}`,
		id + `"response":{"status_code":400,"body":{"error":{"code":"y"}}},"error":7}`: `{"error":{"code":"y"}}`,
		id + `"response":null,"error":{}}`:                                             `{"error":{}}`,
		id + `"response":null,"error":null}`:                                           "",
		id + `"response":{"status_code":7}}`:                                           "",
		id + `"resp`:                                                                   "",
		`{"custom_id":"other","response":{"status_code":200,"body":{}}}`:               "",
		`{"response":{"status_code":200,"body":{}}}`:                                   "",
		`null`: "", `[]`: "", ``: "",
	} {
		r, err := parseLine([]byte(text))
		if (err == nil) != (want != "") || string(r.body) != want || err == nil && r.key.String() != someKey {
			t.Errorf("%s: %+v, %v", text, r, err)
		}
	}
}

func TestEachLine(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	for text, want := range map[string]string{
		"": "", "\n\r\n \n": "", "a": "a", "a\n": "a", "a\r\nb": "a|b", "\na\n\nb\n": "a|b",
		long + "\nb": "LONG|b", "a\n" + long: "a|LONG", long[:100_000] + "\nb": long[:100_000] + "|b",
	} {
		var got []string
		err := eachLine(iotest.HalfReader(strings.NewReader(text)), 150_000, func(line []byte) error {
			if line == nil {
				got = append(got, "LONG")
				return nil
			}
			got = append(got, string(line))
			return nil
		})
		if joined := strings.Join(got, "|"); err != nil || joined != want {
			t.Errorf("%.20q: got %.40q, %v", text, joined, err)
		}
	}
	cut := errors.New("cut")
	if err := eachLine(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("ab"))), 10, func([]byte) error { return nil }); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("got %v", err)
	}
	if err := eachLine(strings.NewReader("a\nb"), 10, func([]byte) error { return cut }); err != cut {
		t.Errorf("got %v", err)
	}
}

// FuzzLines reads what a provider may send as a file. Nothing makes it panic, a
// line is never longer than the limit, and what is read has a key and a status.
func FuzzLines(f *testing.F) {
	f.Add(`{"custom_id":"` + someKey + `","response":{"status_code":200,"body":{"a":1}},"error":null}` + "\n\n")
	f.Add(`{"custom_id":"` + someKey + `","response":null,"error":{"code":"batch_expired","message":"x"}}` + "\r\nnull\n[")
	f.Add(`{"custom_id":null,"response":{"status_code":-1}}`)
	f.Fuzz(func(t *testing.T, text string) {
		const limit = 300
		total := 0
		err := eachLine(strings.NewReader(text), limit, func(line []byte) error {
			total += len(line)
			if len(line) > limit || strings.ContainsRune(string(line), '\n') {
				t.Errorf("not a line: %q", line)
			}
			if r, err := parseLine(line); err == nil && (r.key == llm.Key{} || r.status < 100 || r.status > 599) {
				t.Errorf("%q is read as %+v", line, r)
			}
			return nil
		})
		if err != nil || total > len(text) {
			t.Errorf("%v", err)
		}
	})
}
