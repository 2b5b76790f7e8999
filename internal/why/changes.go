package why

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

// mostText is how much of a value is shown, in runes.
const mostText = 60

// changes lists where two JSON documents differ, as PATH WAS → IS, in the order of paths.
func changes(path string, was, is json.RawMessage) []string {
	return differ(path, decoded(was), decoded(is))
}

// decoded keeps numbers as they are written; nothing is nil.
func decoded(raw json.RawMessage) (v any) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	_ = d.Decode(&v) // what a plan holds is JSON
	return v
}

func differ(path string, was, is any) (list []string) {
	switch was := was.(type) {
	case map[string]any:
		if is, ok := is.(map[string]any); ok {
			keys := maps.Clone(was)
			maps.Copy(keys, is)
			for _, key := range slices.Sorted(maps.Keys(keys)) {
				list = append(list, differ(path+"."+key, was[key], is[key])...)
			}
			return list
		}
	case []any:
		if is, ok := is.([]any); ok && len(is) == len(was) {
			for i := range is {
				list = append(list, differ(fmt.Sprintf("%s[%d]", path, i), was[i], is[i])...)
			}
			return list
		}
	}
	if a, b := shown(was), shown(is); a != b {
		a, b = apart(a, b)
		return []string{fmt.Sprintf("%s %s → %s", path, clipped(a), clipped(b))}
	}
	return nil
}

// shown is a value as JSON; what is absent is none.
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case string:
		if d := store.Digest(v); d.Valid() {
			return d.Short()
		}
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(data)
}

// beforeIt is how many letters are shown before the first that differs in long texts.
const beforeIt = 12

// apart leaves out what two long texts have in common at their beginning.
func apart(a, b string) (string, string) {
	was, is := []rune(a), []rune(b)
	if max(len(was), len(is)) <= mostText {
		return a, b
	}
	same := 0
	for same < min(len(was), len(is)) && was[same] == is[same] {
		same++
	}
	if same <= beforeIt {
		return a, b
	}
	return "…" + string(was[same-beforeIt:]), "…" + string(is[same-beforeIt:])
}

func clipped(s string) string { return text.Clip(s, mostText) }
