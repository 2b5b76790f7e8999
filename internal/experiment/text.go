package experiment

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/text"
)

func describeNode(n *node) string {
	switch n.kind {
	case boolNode, intNode, floatNode:
		return clip(n.text)
	case stringNode:
		return "the text " + strconv.Quote(clip(n.text))
	case listNode:
		return "a list"
	case mapNode:
		return "a mapping"
	}
	return "nothing"
}

// clip shortens a text for a message. It is cleared of secrets first, so that
// no half of one escapes.
func clip(s string) string {
	r := []rune(elide(s))
	if len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return string(r)
}

// firstSentence returns a description's, fit to follow a colon.
func firstSentence(s string) string {
	s, _, _ = strings.Cut(s, ". ")
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' {
		s = strings.ToLower(s[:1]) + s[1:]
	}
	return strings.TrimSuffix(s, ".")
}

// enumerate writes a list for people: "a, b and c".
func enumerate(list []string, and string) string {
	switch len(list) {
	case 0:
		return ""
	case 1:
		return list[0]
	}
	return strings.Join(list[:len(list)-1], ", ") + " " + and + " " + list[len(list)-1]
}

// suggest asks for the nearest of the choices, if one is near, or says otherwise.
func suggest(given string, choices []string, otherwise string) string {
	if len(given) > 64 {
		return otherwise
	}
	best, least := "", max(2, len(given)/3)+1
	for _, c := range choices {
		d := text.Distance(strings.ToLower(given), strings.ToLower(c))
		if d < least && d < max(len(c), len(given)) {
			best, least = c, d
		}
	}
	if best == "" {
		return otherwise
	}
	return fmt.Sprintf("did you mean %s?", best)
}
