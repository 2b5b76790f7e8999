package experiment

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// override puts the values of --set into the tree, where they are decoded and
// checked like the rest of it.
func (l *loader) override(root *node, set []string) {
	spec := root.get("spec")
	for _, s := range set {
		path, value, ok := strings.Cut(s, "=")
		label := "--set " + clip(path)
		if !ok {
			l.add(place{file: label}, "", "has no value", "write --set PATH=VALUE")
			continue
		}
		at := place{file: label + "=" + showValue(path, value)}
		keys := pathKeys(path)
		if keys == nil {
			l.add(at, "", "is not a path", "write the names of fields under spec with dots between, such as generate.shards")
			continue
		}
		if strings.TrimSpace(value) == "" {
			l.add(at, joinKeys(keys), "has no value", `write null to remove the field, or '""' for an empty text`)
			continue
		}
		parsed := l.parse(at, joinKeys(keys), []byte(value))
		if parsed == nil || spec == nil || spec.kind != mapNode {
			continue // both are reported
		}
		l.graft(spec, keys, at, parsed)
	}
}

// showValue is an override's value for messages; where a secret belongs, any
// value might be one.
func showValue(path, value string) string {
	if secretName(path) {
		return "…"
	}
	return clip(strings.ReplaceAll(value, "\n", " "))
}

// pathKeys splits a path; elements of lists are a.0 or a[0].
func pathKeys(path string) []string {
	path = strings.NewReplacer("[", ".", "]", "").Replace(strings.TrimPrefix(path, "spec."))
	keys := strings.Split(path, ".")
	for _, k := range keys {
		if strings.TrimSpace(k) != k || k == "" {
			return nil
		}
	}
	return keys
}

func joinKeys(keys []string) string { return "spec." + strings.Join(keys, ".") }

// graft sets the value below n, and makes mappings on the way where there are none.
func (l *loader) graft(n *node, keys []string, at place, value *node) {
	path := "spec"
	for i, key := range keys {
		last := i == len(keys)-1
		switch n.kind {
		case mapNode:
			if last && value.kind == nullNode {
				n.remove(key)
				return
			}
			if last {
				n.put(entry{key, at, value})
				return
			}
			if next := n.get(key); next == nil || next.kind == nullNode {
				if value.kind == nullNode {
					return // there is nothing to remove
				}
				n.put(entry{key, at, &node{kind: mapNode, at: at}})
			}
			n, path = n.get(key), join(path, key)
		case listNode:
			index, err := strconv.Atoi(key)
			if err != nil || index < 0 || index >= len(n.items) {
				l.add(at, path, fmt.Sprintf("is a list of length %d, and has no element %q", len(n.items), clip(key)), "give the number of an element, counted from 0")
				return
			}
			if last && value.kind == nullNode {
				n.items = slices.Delete(n.items, index, index+1)
				return
			}
			if last {
				n.items[index] = value
				return
			}
			n, path = n.items[index], fmt.Sprintf("%s[%d]", path, index)
		default:
			l.add(at, path, "has no fields, it is "+describeNode(n), "give a path that ends there")
			return
		}
	}
}
