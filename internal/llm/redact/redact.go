// Package redact is a chatter that takes personal data and secrets out of a
// request before it is recorded or sent: e-mail addresses, telephone numbers, keys
// and the names of users in paths. What it finds becomes [email 1], [phone 1],
// [key 1] and [user 1], numbered by first appearance in the conversation, so that
// a conversation that grows at its end keeps its beginning, and distinct people
// stay distinct. It rewrites the text of messages and nothing else, never a
// schema or an answer, and what it wrote it leaves as it is.
//
// It knows forms, not people: docs/llm.md says what it does not find.
package redact

import (
	"context"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/llm"
)

// Wrap redacts the requests to c.
func Wrap(c llm.Chatter) llm.Chatter { return redactor{c} }

type redactor struct{ next llm.Chatter }

// Chat implements llm.Chatter.
func (r redactor) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	messages := Messages(req.Messages)
	if len(messages) == 0 || &messages[0] == &req.Messages[0] {
		return r.next.Chat(ctx, req)
	}
	redacted := *req
	redacted.Messages = messages
	return r.next.Chat(ctx, &redacted)
}

// Messages redacts a conversation. It returns list itself when there is nothing
// to do, and never changes it.
func Messages(list []llm.Message) []llm.Message {
	c := conversation{unread: make([]string, 0, len(list))}
	out := list
	for i, m := range list {
		c.unread = append(c.unread, m.Content)
		text := c.redact(m.Content)
		if text == m.Content {
			continue
		}
		if &out[0] == &list[0] {
			out = append([]llm.Message(nil), list...)
		}
		out[i].Content = text
	}
	return out
}

// A kind is what is looked for: its name in a placeholder, and the next value in
// a text from a place on.
type kind struct {
	name string
	find func(text string, from int) (start, end int)
}

// A key may hold what looks like a number, so keys come first.
var kinds = [...]kind{{"key", findKey}, {"email", findEmail}, {"user", findUser}, {"phone", findPhone}}

// A conversation is the numbers given so far.
type conversation struct {
	numbers [len(kinds)]map[string]int
	last    [len(kinds)]int
	unread  []string // texts whose placeholders are not yet noted
}

// redact rewrites a text until nothing is found any more, so that to do it again
// changes nothing.
func (c *conversation) redact(text string) string {
	for again := true; again; {
		again = false
		for k := range kinds {
			if rewritten, found := c.replace(k, text); found {
				text, again = rewritten, true
			}
		}
	}
	return text
}

func (c *conversation) replace(k int, text string) (string, bool) {
	start, end := kinds[k].find(text, 0)
	if start < 0 {
		return text, false
	}
	var b strings.Builder
	at := 0
	for start >= 0 {
		b.WriteString(text[at:start])
		b.WriteString("[" + kinds[k].name + " " + strconv.Itoa(c.number(k, text[start:end])) + "]")
		at = end
		start, end = kinds[k].find(text, at)
	}
	b.WriteString(text[at:])
	return b.String(), true
}

// number is a value's, whatever its case; a new one comes after all others.
func (c *conversation) number(k int, value string) int {
	if kinds[k].name == "phone" {
		value = strings.Map(func(r rune) rune {
			if r == '+' || '0' <= r && r <= '9' {
				return r
			}
			return -1
		}, value)
	} else if kinds[k].name != "key" {
		value = strings.ToLower(value)
	}
	n, ok := c.numbers[k][value]
	if !ok {
		for _, text := range c.unread {
			c.note(text)
		}
		c.unread = c.unread[:0]
		c.last[k]++
		n = c.last[k]
		if c.numbers[k] == nil {
			c.numbers[k] = map[string]int{}
		}
		c.numbers[k][value] = n
	}
	return n
}

// note takes the numbers of placeholders that a text already has, such as a
// model's answer to a redacted question: no one else gets them.
func (c *conversation) note(text string) {
	for k, kind := range kinds {
		for rest := text; ; {
			open := "[" + kind.name + " "
			at := strings.Index(rest, open)
			if at < 0 {
				break
			}
			rest = rest[at+len(open):]
			if end := strings.IndexByte(rest[:min(len(rest), maxDigits+1)], ']'); end > 0 {
				if n, err := strconv.Atoi(rest[:end]); err == nil {
					c.last[k] = max(c.last[k], n)
				}
			}
		}
	}
}

// maxDigits bounds the numbers that are taken for placeholders.
const maxDigits = 6
