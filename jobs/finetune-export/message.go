package finetuneexport

import (
	"crypto/sha256"
	"slices"
	"strings"
	"sync"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/redact"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/trace"
)

// A message of a conversation is in the row of its turn and in those of all later
// turns, for every trainer and family, so what rows need of it is worked out once.
type message struct {
	llm.Message
	json    []byte // the content as JSON
	trimmed []byte // the same without space around it
	sum     [sha256.Size]byte
	control bool           // it holds a control token
	whole   int            // its tokens that are characters of their own
	parts   int            // its other characters
	kinds   map[string]int // of placeholders in it
}

func newMessage(m llm.Message) *message {
	room := make([]byte, 0, len(m.Content)+len(m.Content)/16+32) // for most escapes
	x := &message{Message: m, json: canonical.AppendGoString(room, m.Content), sum: sha256.Sum256([]byte(m.Content))}
	x.trimmed = x.json
	if text := strings.TrimSpace(m.Content); text != m.Content {
		x.trimmed = canonical.AppendGoString(nil, text)
	}
	x.control = controlToken.MatchString(m.Content)
	x.kinds = redact.Found([]llm.Message{m})
	for _, c := range m.Content {
		if c >= '0' && c <= '9' || c > 127 {
			x.whole++
		} else {
			x.parts++
		}
	}
	return x
}

// text is the content as the family's own template shows it, as JSON.
func (x *message) text(f family) []byte {
	if f.trims {
		return x.trimmed
	}
	return x.json
}

// conversations work out messages, and each system text once. They are safe for
// concurrent use.
type conversations struct {
	systems sync.Map // text → *message
	// redacted are the sources whose rows have placeholders: numbered from a row's first
	// message to its answer, so that both have the same for the same.
	redacted []string
}

func (c *conversations) redacts(x *session) bool { return slices.Contains(c.redacted, x.source) }

// answered adds the answer to a conversation, which is redacted or not; again gives it as
// it was before.
func (c *conversations) answered(redacted bool, conversation []*message, answer string, again func() []llm.Message) []*message {
	m := []llm.Message{{Role: llm.Assistant, Content: answer}}
	if redacted && redact.Messages(m)[0].Content != answer {
		return c.messages(redact.Messages(append(again(), m...)))
	}
	return append(conversation, newMessage(m[0]))
}

func (c *conversations) messages(list []llm.Message) []*message {
	out := make([]*message, len(list), len(list)+1) // an answer follows
	for i, m := range list {
		if m.Role != llm.System {
			out[i] = newMessage(m)
			continue
		}
		known, ok := c.systems.Load(m.Content)
		if !ok {
			known, _ = c.systems.LoadOrStore(m.Content, newMessage(m))
		}
		out[i] = known.(*message)
	}
	return out
}

// agent returns what gives the conversation up to each turn of a session, from
// its turn first on. Those from the session's start share their messages.
func (c *conversations) agent(own string, turns []trace.Turn, candidates int, redacted bool) func(first, turn int) []*message {
	history := func(first, turn int) []*message {
		list := prompt.AgentHistory(own, turns, first, turn, candidates)
		if redacted {
			list = redact.Messages(list)
		}
		return c.messages(list)
	}
	var whole []*message
	return func(first, turn int) []*message {
		if first > 0 {
			return history(first, turn)
		}
		if whole == nil {
			whole = history(0, len(turns)-1)
		}
		n := 2*turn + 2 // the system text, and with each event but the last an answer
		return whole[:n:n]
	}
}

// digestOf identifies a row by its messages: 128 bits of sha256, since millions
// of them are held. The system text tells the sets apart.
func digestOf(messages []*message) [16]byte {
	h := sha256.New()
	for _, m := range messages {
		h.Write(m.sum[:])
	}
	return [16]byte(h.Sum(nil))
}

func hasControlToken(messages []*message) bool {
	return slices.ContainsFunc(messages, func(m *message) bool { return m.control })
}

// tokenEstimate is what tokens does, in words.
const tokenEstimate = "1 a digit, 1 a non-ASCII character, 1 for 4 other characters, 5 a message"

// tokens estimates a row's length. Qwen2.5 counts 0.86 to 1.02 times as many on
// the rows of ProactiveBench, whose times are long numbers; a quarter of the
// bytes would be too few by up to 1.7 times.
func tokens(messages []*message) int {
	whole, parts := 0, 0
	for _, m := range messages {
		whole, parts = whole+5+m.whole, parts+m.parts
	}
	return whole + (parts+3)/4
}
