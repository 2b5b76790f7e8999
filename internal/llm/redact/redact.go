// Package redact is a chatter that takes personal data and secrets out of a
// request before it is recorded or sent: e-mail addresses, telephone numbers, keys,
// numbers of cards, accounts and persons that can be checked, and the names of
// users in paths. What it finds becomes [email 1], [phone 1], [key 1], [card 1],
// [iban 1], [id 1] and [user 1], numbered by first appearance in the conversation, so that
// a conversation that grows at its end keeps its beginning, and distinct people
// stay distinct. It rewrites the text of messages and nothing else, never a
// schema or an answer, and what it wrote it leaves as it is.
//
// The time that it takes grows with the text and no faster, whatever the text is,
// and ends with its context.
//
// It knows forms, not people: docs/llm.md says what it does not find.
package redact

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gymline/gymline/internal/llm"
)

// Wrap redacts the requests to c.
func Wrap(c llm.Chatter) llm.Chatter { return redactor{c} }

type redactor struct{ next llm.Chatter }

// Chat implements llm.Chatter.
func (r redactor) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	messages, err := redact(ctx, req.Messages)
	if err != nil {
		return nil, err
	}
	if len(messages) == 0 || &messages[0] == &req.Messages[0] {
		return r.next.Chat(ctx, req)
	}
	redacted := *req
	redacted.Messages = messages
	resp, err := r.next.Chat(ctx, &redacted)
	if err != nil {
		return nil, err
	}
	counted := *resp
	counted.Redacted = strings.Join(slices.Sorted(maps.Keys(Found(messages))), " ")
	return &counted, nil
}

// Messages redacts a conversation. It returns list itself when there is nothing
// to do, and never changes it.
func Messages(list []llm.Message) []llm.Message {
	out, _ := redact(context.Background(), list) // it ends with its context alone
	return out
}

func redact(ctx context.Context, list []llm.Message) ([]llm.Message, error) {
	c := conversation{ctx: ctx, rounds: maxRounds, unread: make([]string, 0, len(list))}
	out := list
	for i, m := range list {
		c.unread = append(c.unread, m.Content)
		text := c.redact(m.Content)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if text == m.Content {
			continue
		}
		if &out[0] == &list[0] {
			out = append([]llm.Message(nil), list...)
		}
		out[i].Content = text
	}
	return out, nil
}

// A kind is what is looked for: its name in a placeholder, and the next value in
// a text from a place on.
type kind struct {
	name string
	find func(s *source, from int) (start, end int)
}

// A key may hold what looks like a number, so keys come first; and the number of a
// card what looks like a telephone's.
var kinds = [...]kind{{"key", findKey}, {"card", findCard}, {"iban", findIBAN}, {"id", findID}, {"email", findEmail}, {"user", findUser}, {"phone", findPhone}}

// A conversation is the numbers given so far.
type conversation struct {
	ctx     context.Context
	rounds  int
	numbers [len(kinds)]map[string]int
	last    [len(kinds)]int
	unread  []string // texts whose placeholders are not yet noted
}

// maxRounds bounds how often a text is read: what is found lets the rest be read
// otherwise, in texts of people once or twice.
const maxRounds = 12

// Withheld stands for a text that was made so that there is always more to find.
const Withheld = "[text withheld: it cannot be redacted in reasonable time]"

// redact rewrites a text until nothing is found any more, so that to do it again
// changes nothing.
func (c *conversation) redact(text string) string {
	for range c.rounds {
		again := false
		for k := range kinds {
			if rewritten, found := c.replace(k, text); found {
				text, again = rewritten, true
			}
		}
		if !again || c.ctx.Err() != nil {
			return text
		}
	}
	return Withheld
}

func (c *conversation) replace(k int, text string) (string, bool) {
	s := &source{text: text}
	start, end := kinds[k].find(s, 0)
	if start < 0 {
		return text, false
	}
	var b strings.Builder
	at, n := 0, 0
	for start >= 0 {
		b.WriteString(text[at:start])
		b.WriteString("[" + kinds[k].name + " " + strconv.Itoa(c.number(k, text[start:end])) + "]")
		at = end
		if n++; n%1024 == 0 && c.ctx.Err() != nil {
			break
		}
		start, end = kinds[k].find(s, at)
	}
	b.WriteString(text[at:])
	return b.String(), true
}

// number is a value's, whatever its case; a new one comes after all others.
func (c *conversation) number(k int, value string) int {
	switch kinds[k].name {
	case "key":
	case "phone", "card", "iban", "id": // in whatever groups
		value = strings.Map(func(r rune) rune {
			if r == '+' || r < utf8.RuneSelf && isAlnum(byte(r)) {
				return r
			}
			return -1
		}, value)
	default:
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
		placeholders(kind.name, text, func(n int) { c.last[k] = max(c.last[k], n) })
	}
}

// placeholders calls fn with the number of each placeholder of a kind in a text.
func placeholders(kind, text string, fn func(n int)) {
	open := "[" + kind + " "
	for {
		at := strings.Index(text, open)
		if at < 0 {
			return
		}
		text = text[at+len(open):]
		if end := strings.IndexByte(text[:min(len(text), maxDigits+1)], ']'); end > 0 {
			if n, err := strconv.Atoi(text[:end]); err == nil {
				fn(n)
			}
		}
	}
}

// Found counts the values of each kind that the placeholders in a conversation stand for;
// nil where there are none. A text that was withheld whole is a kind of its own.
func Found(list []llm.Message) map[string]int {
	var found map[string]int
	seen := map[string]bool{}
	count := func(kind, placeholder string) {
		if !seen[placeholder] {
			if found == nil {
				found = map[string]int{}
			}
			seen[placeholder] = true
			found[kind]++
		}
	}
	for _, m := range list {
		for k := range kinds {
			placeholders(kinds[k].name, m.Content, func(n int) { count(kinds[k].name, kinds[k].name+" "+strconv.Itoa(n)) })
		}
		if strings.Contains(m.Content, Withheld) {
			count("text", Withheld)
		}
	}
	return found
}

// maxDigits bounds the numbers that are taken for placeholders.
const maxDigits = 6
