package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// members decodes a JSON object for firstDifference; nil is none.
func members(object []byte) (m map[string]any) {
	dec := json.NewDecoder(bytes.NewReader(object))
	dec.UseNumber()
	_ = dec.Decode(&m)
	return m
}

// firstDifference names the first place, in the order of canonical JSON, in which
// two decoded values differ, and shows both; "" for none.
func firstDifference(path string, recorded, asked any) string {
	switch r := recorded.(type) {
	case map[string]any:
		if a, ok := asked.(map[string]any); ok {
			both := maps.Clone(r)
			maps.Copy(both, a)
			for _, name := range slices.Sorted(maps.Keys(both)) {
				if d := firstDifference(strings.TrimPrefix(path+"."+name, "."), r[name], a[name]); d != "" {
					return d
				}
			}
			return ""
		}
	case []any:
		if a, ok := asked.([]any); ok {
			for i := range min(len(r), len(a)) {
				if d := firstDifference(fmt.Sprintf("%s[%d]", path, i), r[i], a[i]); d != "" {
					return d
				}
			}
			recorded, asked = len(r), len(a)
		}
	case string:
		if a, ok := asked.(string); ok && r != a && max(len(r), len(a)) > 2*excerptBytes {
			n := commonPrefix(r, a)
			for !utf8.ValidString(r[:n]) { // in the middle of a character
				n--
			}
			return fmt.Sprintf("%s at byte %d: recorded %s, asked %s", path, n, excerpt(r, n), excerpt(a, n))
		}
	}
	r, a := shown(recorded), shown(asked)
	if r == a {
		return ""
	}
	return fmt.Sprintf("%s: recorded %s, asked %s", path, r, a)
}

// shown is a value as a difference shows it.
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case string:
		return excerpt(v, excerptBytes)
	case json.Number, int:
		return fmt.Sprint(v)
	}
	data, _ := json.Marshal(v)
	return excerpt(string(data), 0)
}

func commonPrefix[T string | []byte](a, b T) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// excerptBytes is how much is shown of a text before and after a difference.
const excerptBytes = 32

// excerpt quotes the text around byte n, cut between characters.
func excerpt(s string, n int) string {
	from, to := max(0, n-excerptBytes), min(len(s), n+excerptBytes)
	text := strings.ToValidUTF8(s[from:to], "")
	if from > 0 {
		text = "…" + text
	}
	if to < len(s) {
		text += "…"
	}
	return strconv.Quote(text)
}
