package sim

import (
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/prompt"
)

func (c *call) system() string {
	if len(c.msgs) > 0 && c.msgs[0].Role == llm.System {
		return c.msgs[0].Content
	}
	return ""
}

// told returns what the conversation is about, which opens its first question,
// and the rest of that.
func (c *call) told() (about, question string) {
	for i := range c.msgs {
		if c.msgs[i].Role == llm.User {
			return prompt.Opening(c.msgs[i].Content)
		}
	}
	return "", ""
}

// question returns the last user message that is no request for a repair.
func (c *call) question() string {
	for i := len(c.msgs) - 1; i >= 0; i-- {
		if m := &c.msgs[i]; m.Role == llm.User && !isRepair(m.Content) {
			return m.Content
		}
	}
	return ""
}

func isRepair(s string) bool { return strings.HasPrefix(s, llm.Unusable) }

// answers returns the earlier answers that start like the given JSON.
func (c *call) answers(start string) []string {
	var out []string
	for i := range c.msgs {
		if m := &c.msgs[i]; m.Role == llm.Assistant && strings.HasPrefix(m.Content, start) && !c.repaired(i) {
			out = append(out, m.Content)
		}
	}
	return out
}

func (c *call) repaired(i int) bool {
	return i+1 < len(c.msgs) && isRepair(c.msgs[i+1].Content)
}

// labelled returns the rest of the first line of text that starts with label.
func labelled(text, label string) string {
	for {
		i := strings.Index(text, label)
		if i < 0 {
			return ""
		}
		if i == 0 || text[i-1] == '\n' {
			line, _, _ := strings.Cut(text[i+len(label):], "\n")
			return strings.TrimSpace(line)
		}
		text = text[i+len(label):]
	}
}

// bullets returns the "- " lines right below the line that is label.
func bullets(text, label string) []string {
	_, rest, ok := strings.Cut("\n"+text, "\n"+label+"\n")
	if !ok {
		return nil
	}
	var out []string
	for line := range strings.SplitSeq(rest, "\n") {
		item, ok := strings.CutPrefix(line, "- ")
		if !ok {
			break
		}
		if item != "(none)" {
			out = append(out, item)
		}
	}
	return out
}

// A moment is an event as messages show it.
type moment struct {
	seconds float64
	text    string
}

// moments returns the last n events of the conversation, oldest first.
func (c *call) moments(n int) []moment {
	var out []moment // newest first
	for i := len(c.msgs) - 1; i >= 0 && len(out) < n; i-- {
		if c.msgs[i].Role != llm.User {
			continue
		}
		text := c.msgs[i].Content
		for text != "" && len(out) < n {
			start := strings.LastIndexByte(text, '\n') + 1
			if m, ok := momentOf(text[start:]); ok {
				out = append(out, m)
			}
			text = text[:max(start-1, 0)]
		}
	}
	slices.Reverse(out)
	return out
}

// momentOf reads a line such as "[1717378000.744] The user opens …".
func momentOf(line string) (moment, bool) {
	rest, ok := strings.CutPrefix(line, "[")
	if !ok {
		return moment{}, false
	}
	stamp, text, ok := strings.Cut(rest, "] ")
	if !ok || stamp == "user" {
		return moment{}, false
	}
	seconds, _ := strconv.ParseFloat(stamp, 64)
	return moment{seconds, text}, true
}

// offers returns what the assistant proposed in a message; none is silence.
func offers(message string) []string {
	_, said, ok := strings.Cut(message, prompt.Proposed)
	if !ok {
		return nil
	}
	said = strings.TrimSpace(said)
	if !strings.HasPrefix(said, "1. ") {
		return []string{said}
	}
	var out []string
	for line := range strings.SplitSeq(said, "\n") {
		if _, text, ok := strings.Cut(line, ". "); ok {
			out = append(out, text)
		}
	}
	return out
}

// pick is a number in [0,n) that stays the same for the same texts: what is
// fixed for a whole session is drawn so, since each request has its own seed.
func pick(n int, texts ...string) int {
	h := fnv.New64a()
	for _, t := range texts {
		_, _ = h.Write([]byte(t))
		_, _ = h.Write([]byte{0})
	}
	return int(h.Sum64() % uint64(n))
}
