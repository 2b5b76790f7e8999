package llm

import (
	"regexp"
	"slices"
	"sync"
)

// control matches what tokenizers and chat templates read as structure wherever it
// stands: <|name|> of most families, and the marks of others by name.
var control = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`<\|[^|<>\s]{1,64}\|>|<｜[^｜<>\s]{1,64}｜>|\[/?INST\]|<</?SYS>>|\[/?(?:AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|SYSTEM_PROMPT)\]|</?s>|<(?:bos|eos|pad|unk|start_of_turn|end_of_turn|begin_of_text|end_of_text)>`)
})

// HasControl reports whether a text holds a control token.
func HasControl(text string) bool { return control().MatchString(text) }

// WithoutControl takes control tokens apart, with a space after their first
// character: a model still reads them, and no tokenizer takes them for the end of a
// turn. Other text stays as it is.
func WithoutControl(text string) string {
	if !HasControl(text) {
		return text
	}
	return control().ReplaceAllStringFunc(text, func(token string) string { return token[:1] + " " + token[1:] })
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
