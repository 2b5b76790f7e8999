package llm

import (
	"regexp"
	"slices"
	"strings"
)

// thoughts are the marks around reasoning, of whichever family of models: a word
// for it in angle brackets, with bars or without, in square ones, or in Kimi's.
var thoughts = regexp.MustCompile(`(?i)^(?:<\|?|\[|◁)\s?(/|end[_-]?(?:of[_-]?)?|(?:begin|start)[_-]?(?:of[_-]?)?)?\s?` +
	`([a-z0-9:_.-]*(?:think|thought|reason|reflect|analys|scratchpad|monologue|draft)[a-z0-9:_.-]*|unused9[45])\s?(?:\|?>|\]|▷)`)

// longest bounds a mark in bytes.
const longest = 64

// A mark begins or ends reasoning at a place in a text.
type mark struct {
	from, to int
	bracket  byte
	ends     bool
}

func marks(text string) []mark {
	var out []mark
	for at := 0; ; at++ {
		next := strings.IndexAny(text[at:], "<[◁")
		if next < 0 {
			return out
		}
		at += next
		m := thoughts.FindStringSubmatch(text[at:min(at+longest, len(text))])
		if m == nil {
			continue
		}
		side, word := strings.ToLower(m[1]), strings.ToLower(m[2])
		ends := side == "/" || strings.HasPrefix(side, "end") || word == "unused95"
		out = append(out, mark{at, at + len(m[0]), text[at], ends})
		at += len(m[0]) - 1
	}
}

// spoken leaves out the reasoning that some models put before their answer, in
// whatever marks. An opening mark may be missing: templates put it into the
// prompt; then all before the closing one is reasoning. Without a closing one all
// after it is. An object may speak of marks.
func spoken(text string) string {
	if whole := strings.TrimSpace(text); strings.HasPrefix(whole, "{") && closing(whole) == len(whole) {
		return text
	}
	text = finalChannel(text)
	found := marks(text)
	lastEnd := map[byte]int{}
	for i, m := range found {
		if m.ends {
			lastEnd[m.bracket] = i
		}
	}
	var out strings.Builder
	at, open := 0, false
	for i := 0; i < len(found); i++ {
		m := found[i]
		if m.from < at {
			continue
		}
		if !open { // what is not closed once would be looked through for each mark
			var end int
			if end, open = around(text, at, m.from); end > m.from {
				out.WriteString(text[at:end])
				at = end
				continue
			}
		}
		last, closes := lastEnd[m.bracket]
		switch {
		case m.ends:
			out.Reset()
			at = m.to
		case closes && last > i:
			out.WriteString(text[at:m.from])
			i += slices.IndexFunc(found[i:], func(n mark) bool { return n.ends && n.bracket == m.bracket })
			at = found[i].to
		case m.bracket != '[': // a word in square brackets may be a label
			out.WriteString(text[at:m.from])
			return out.String()
		default:
			out.WriteString(text[at:m.to])
			at = m.to
		}
	}
	return out.String() + text[at:]
}

// around returns the end of the closed object that starts at or after from and
// holds the place at, or 0; open says that one before at is never closed.
func around(text string, from, at int) (end int, open bool) {
	for from < at {
		start := strings.IndexByte(text[from:at], '{')
		if start < 0 {
			return 0, false
		}
		from += start
		if next := strings.TrimLeft(text[from+1:], " \t\r\n"); next == "" || next[0] != '"' {
			from++
			continue
		}
		n := closing(text[from:])
		if n == 0 {
			return 0, true
		}
		if from += n; from > at {
			return from, false
		}
	}
	return 0, false
}

// finalChannel is what gpt-oss says in its channel "final", and any other text as
// it is. Servers that drop special tokens leave only the channels' names.
func finalChannel(text string) string {
	const channel, message = "<|channel|>", "<|message|>"
	if !strings.Contains(text, channel) {
		if i := strings.LastIndex(text, "assistantfinal"); i >= 0 && strings.HasPrefix(strings.TrimSpace(text), "analysis") {
			return text[i+len("assistantfinal"):]
		}
		return text
	}
	var out strings.Builder
	for part := range strings.SplitSeq(text, channel) {
		name, body, ok := strings.Cut(part, message)
		if !ok || !strings.HasPrefix(strings.TrimSpace(name), "final") {
			continue
		}
		for _, end := range []string{"<|end|>", "<|return|>", "<|call|>", "<|start|>"} {
			body, _, _ = strings.Cut(body, end)
		}
		out.WriteString(body + "\n")
	}
	return out.String()
}
