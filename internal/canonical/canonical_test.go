package canonical

import (
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
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

// goJSON is what encoding/json does with any string where HTML is left as it is.
func goJSON(t testing.TB, s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// TestGoString tries every character, alone and amid eight plain ones, and bytes
// that are none.
func TestGoString(t *testing.T) {
	check := func(s string) {
		if got, want := string(AppendGoString([]byte("x"), s)), "x"+goJSON(t, s); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
	for r := range rune(unicode.MaxRune + 1) {
		if r < 0x3000 || r > 0xd700 && r < 0x11000 || r%251 == 0 {
			check(string(r))
			check("four" + string(r) + "five and more")
		}
	}
	for a := range 256 {
		for b := range 256 {
			check("\xe2" + string([]byte{byte(a), byte(b)}) + "\xa8 tail")
		}
	}
}

// FuzzAppendString: it is what JSON does with any string, or encoding/json.
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
		if got, want := string(AppendGoString([]byte("x"), s)), "x"+goJSON(t, s); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}
