// Package sim is a stand-in for language models: seeded, rule-based, with no
// network. It plays every part of the gym, the evaluation's agent and its judge,
// from nothing but the messages it is sent, so that a line can be tried and
// tested for free. What it writes is plausible, never evidence about a model.
package sim

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/prompt"
)

// Version is the version of the rules and texts, which answers depend on: raise
// it with any change to them.
const Version = 2

// malformedOneIn is how rarely an answer is cut short, as real models' are, so
// that repairs happen in every large run.
const malformedOneIn = 200

// New returns a Chatter that answers by rule. The same request to a model of the
// same name and skill gets the same answer, always. m.Skill in [0,1] is how
// often an agent offers the right thing at the right moment, and how rarely a
// user or judge errs.
func New(m llm.Model) llm.Chatter { return &model{m} }

type model struct{ llm.Model }

// Chat answers by the part that the schema's name tells.
func (m *model) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := call{rng: m.generator(req), skill: min(max(m.Skill, 0), 1), msgs: req.Messages}
	answer := c.play(req.Schema)
	content := prompt.Encode(answer)
	if c.rng.IntN(malformedOneIn) == 0 {
		content = content[:len(content)/2]
	}
	usage := llm.Usage{Calls: 1, Completion: tokens(len(content))}
	sent := alreadySent(req.Messages)
	for i, msg := range req.Messages {
		n := tokens(len(msg.Content))
		usage.Prompt += n
		if i < sent {
			usage.Cached += n
		}
	}
	return &llm.Response{Content: content, FinishReason: "stop", Model: "sim", Usage: usage}, nil
}

// alreadySent is how many of a conversation's messages an ideal prefix cache
// holds: those that the question before was sent with, which end right before
// the last answer. What a sim sees is one request, so it takes the text of other
// conversations for unknown, and what a bounded history keeps at a cut for sent.
func alreadySent(msgs []llm.Message) int {
	for i, msg := range slices.Backward(msgs) {
		if msg.Role == llm.Assistant {
			return i
		}
	}
	return 0
}

// tokens estimates tokens as a quarter of the bytes, rounded up, a message.
func tokens(bytes int) int64 { return int64((bytes + 3) / 4) }

// generator is seeded with all that the answer may depend on.
func (m *model) generator(req *llm.Request) *rand.Rand {
	h := sha256.New()
	field := func(s string) {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		_, _ = io.WriteString(h, s)
	}
	var n [24]byte
	binary.LittleEndian.PutUint64(n[:], req.Seed)
	binary.LittleEndian.PutUint64(n[8:], uint64(req.Replicate))
	binary.LittleEndian.PutUint64(n[16:], math.Float64bits(m.Skill))
	h.Write(n[:])
	field(m.Name)
	if req.Schema != nil {
		field(req.Schema.Name)
	}
	for _, msg := range req.Messages {
		field(msg.Role)
		field(msg.Content)
	}
	sum := h.Sum(nil)
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum), binary.LittleEndian.Uint64(sum[8:])))
}

// A call is one request being answered.
type call struct {
	rng   *rand.Rand
	skill float64
	msgs  []llm.Message
}

func (c *call) play(schema *llm.Schema) any {
	name := ""
	if schema != nil {
		name = schema.Name
	}
	switch name {
	case "scene":
		return c.scene()
	case "activity":
		return c.activity()
	case "events":
		return c.events()
	case "result":
		return c.result()
	case "proposal":
		return c.proposal()
	case "operation":
		return c.operation()
	case "judgement":
		return c.judgement()
	case "verdict":
		return c.verdict()
	case "summary":
		return c.summary()
	}
	return map[string]string{"answer": "A stand-in has nothing to say to this."}
}

func (c *call) one(items []string) string { return items[c.rng.IntN(len(items))] }

// some picks n different items, or all when there are fewer, in random order.
func (c *call) some(items []string, n int) []string {
	order := c.rng.Perm(len(items))
	out := make([]string, 0, n)
	for _, i := range order[:min(n, len(order))] {
		out = append(out, items[i])
	}
	return out
}

func (c *call) chance(p float64) bool { return c.rng.Float64() < p }
