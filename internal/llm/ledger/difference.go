package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
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
		a, ok := asked.(map[string]any)
		if !ok {
			break
		}
		both := maps.Clone(r)
		maps.Copy(both, a)
		for _, name := range slices.Sorted(maps.Keys(both)) {
			at := name
			if path != "" {
				at = path + "." + name
			}
			if d := firstDifference(at, r[name], a[name]); d != "" {
				return d
			}
		}
		return ""
	case []any:
		a, ok := asked.([]any)
		if !ok {
			break
		}
		for i := range min(len(r), len(a)) {
			if d := firstDifference(fmt.Sprintf("%s[%d]", path, i), r[i], a[i]); d != "" {
				return d
			}
		}
		recorded, asked = len(r), len(a)
	case string:
		if a, ok := asked.(string); ok && max(len(r), len(a)) > 2*excerptBytes {
			n := commonPrefix(r, a)
			for n > 0 && (!boundary(r, n) || !boundary(a, n)) {
				n--
			}
			if r != a {
				return fmt.Sprintf("%s at byte %d: recorded %s, asked %s", path, n, excerpt(r, n), excerpt(a, n))
			}
		}
	}
	if r, a := shown(recorded), shown(asked); r != a {
		return fmt.Sprintf("%s: recorded %s, asked %s", path, r, a)
	}
	return ""
}

// shown is a value as a difference shows it.
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case string:
		return strconv.Quote(v)
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

// boundary reports whether a character begins at s[n:], or s ends.
func boundary(s string, n int) bool { return n >= len(s) || utf8.RuneStart(s[n]) }

// excerptBytes is how much is shown of a text before and after a difference.
const excerptBytes = 32

// excerpt quotes the text around byte n, cut between characters.
func excerpt(s string, n int) string {
	from, to := max(0, n-excerptBytes), min(len(s), n+excerptBytes)
	for from > 0 && !boundary(s, from) {
		from++
	}
	for to < len(s) && !boundary(s, to) {
		to--
	}
	before, after := "…", "…"
	if from == 0 {
		before = ""
	}
	if to == len(s) {
		after = ""
	}
	return strconv.Quote(before + s[from:to] + after)
}
