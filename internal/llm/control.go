package llm

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// control matches what tokenizers and chat templates read as structure wherever it
// stands: <|name|> of most families, and the marks of others by name.
var control = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:<\|[^|<>\s]{1,64}\|>|<｜[^｜<>\s]{1,64}｜>|\[/?INST\]|<</?SYS>>|\[/?(?:AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|SYSTEM_PROMPT)\]|</?s>|<(?:bos|eos|pad|unk|start_of_turn|end_of_turn|begin_of_text|end_of_text)>)`)
})

// second are the bytes that follow on < or [ in a control token (0xEF begins ｜): every message is
// searched at every call, so the expression is asked only where one may start.
var second = [256]bool{
	'|': true, 0xEF: true, '<': true, '/': true, 's': true, 'b': true, 'e': true, 'p': true, 'u': true,
	'I': true, 'A': true, 'T': true, 'S': true,
}

// NextControl returns where the next control token lies, or -1.
func NextControl(text string, from int) (start, end int) {
	for i := from; ; i++ {
		next := strings.IndexAny(text[i:], "<[")
		if i += next; next < 0 || i+1 >= len(text) {
			return -1, -1
		}
		if second[text[i+1]] {
			if token := control().FindString(text[i:]); token != "" {
				return i, i + len(token)
			}
		}
	}
}

// HasControl reports whether a text holds a control token.
func HasControl(text string) bool {
	start, _ := NextControl(text, 0)
	return start >= 0
}

// WithoutControl takes control tokens apart, with a space after their first
// character: a model still reads them, and no tokenizer takes them for the end of a
// turn. Other text stays as it is.
func WithoutControl(text string) string {
	var b strings.Builder
	done := 0
	for {
		start, end := NextControl(text, done)
		if start < 0 {
			break
		}
		b.WriteString(text[done : start+1])
		b.WriteByte(' ')
		b.WriteString(text[start+1 : end])
		done = end
	}
	if done == 0 {
		return text
	}
	b.WriteString(text[done:])
	return b.String()
}

// withoutControl is the request without control tokens in its messages; req itself
// when there are none. It is never changed.
func withoutControl(req *Request) *Request {
	first := slices.IndexFunc(req.Messages, func(m Message) bool { return HasControl(m.Content) })
	if first < 0 {
		return req
	}
	plain := *req
	plain.Messages = slices.Clone(req.Messages)
	for i := first; i < len(plain.Messages); i++ {
		plain.Messages[i].Content = WithoutControl(plain.Messages[i].Content)
	}
	return &plain
}
