package canonical

import (
	"encoding/binary"
	"testing"
)

func TestJSON(t *testing.T) {
	type inner struct {
		Z int     `json:"z"`
		A float64 `json:"a"`
	}
	for _, c := range []struct {
		in   any
		want string
	}{
		{map[string]any{"b": 1, "a": []int{2, 1}}, `{"a":[2,1],"b":1}`},
		{inner{1, 0.1}, `{"a":0.1,"z":1}`},
		{inner{1 << 53, 1e21}, `{"a":1e+21,"z":9007199254740992}`},
		{"<&> \u2028é", "\"<&> \u2028é\""},
		{[]any{nil, true, 0.0, 300.0}, `[null,true,0,300]`},
	} {
		got, err := JSON(c.in)
		if err != nil || string(got) != c.want {
			t.Errorf("%v: got %s (%v), want %s", c.in, got, err, c.want)
		}
	}
	if _, err := JSON(func() {}); err == nil {
		t.Error("a func has no JSON")
	}
}

// TestPlain: a byte that needs care is seen wherever it stands.
func TestPlain(t *testing.T) {
	for c := range 256 {
		for at := range 8 {
			text := []byte("abcdefgh")
			text[at] = byte(c)
			want := c >= ' ' && c != '"' && c != '\\' && c < 0x80
			if got := plain(binary.LittleEndian.Uint64(text)); got != want {
				t.Errorf("%q: %v", text, got)
			}
		}
	}
}

// FuzzAppendString: it is what JSON does with any string.
func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "plain text of more than eight", "\x00\x1f\u2028é\"\\/<&>", "\xff\xc3", "😀 and a tail", "12345678\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := JSON(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := AppendString([]byte("x"), s); string(got) != "x"+string(want) {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}
