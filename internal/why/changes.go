package why

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

// mostText is how much of a value is shown, in runes.
const mostText = 60

// A Change is a value of a JSON document that is another in a second one; nil is none.
type Change struct {
	Path string `json:"path"`
	Was  any    `json:"was"`
	Is   any    `json:"is"`
}

// String is PATH WAS → IS, with both clipped.
func (c Change) String() string {
	was, is := c.Texts()
	return fmt.Sprintf("%s %s → %s", c.Path, was, is)
}

// Texts are both values as people read them: long ones from where they differ.
func (c Change) Texts() (was, is string) {
	was, is = apart(shown(c.Was), shown(c.Is))
	return clipped(was), clipped(is)
}

// Equal says that both documents have the value.
func (c Change) Equal() bool { return shown(c.Was) == shown(c.Is) }

// Changes lists where two JSON documents differ, in the order of paths.
func Changes(path string, was, is json.RawMessage) []Change {
	return slices.DeleteFunc(Fields(path, decoded(was), decoded(is)), Change.Equal)
}

// decoded keeps numbers as they are written; nothing is nil.
func decoded(raw json.RawMessage) (v any) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	_ = d.Decode(&v) // what a plan holds is JSON
	return v
}

// Fields lists all values of two JSON documents, side by side, in the order of paths. An
// object or list that only one has, or that is of another length, is one value.
func Fields(path string, was, is any) (list []Change) {
	switch was := was.(type) {
	case map[string]any:
		if is, ok := is.(map[string]any); ok {
			keys := maps.Clone(was)
			maps.Copy(keys, is)
			for _, key := range slices.Sorted(maps.Keys(keys)) {
				below := key
				if path != "" {
					below = path + "." + key
				}
				list = append(list, Fields(below, was[key], is[key])...)
			}
			return list
		}
	case []any:
		if is, ok := is.([]any); ok && len(is) == len(was) {
			for i := range is {
				list = append(list, Fields(fmt.Sprintf("%s[%d]", path, i), was[i], is[i])...)
			}
			return list
		}
	}
	return []Change{{path, was, is}}
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
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSuffix(b.String(), "\n")
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
