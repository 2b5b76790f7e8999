package llm

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// A talker gives one answer after another and keeps what it was asked.
type talker struct {
	answers []Response
	asked   []Request
}

func (c *talker) Chat(_ context.Context, req *Request) (*Response, error) {
	c.asked = append(c.asked, *req)
	if len(c.asked) > len(c.answers) {
		return nil, &Error{Model: "m", Status: 500, Err: errors.New("no more")}
	}
	return &c.answers[len(c.asked)-1], nil
}

type verdict struct {
	Accepted *bool    `json:"accepted"`
	Reasons  []string `json:"reasons"`
}

func (v *verdict) check() error {
	if v.Accepted == nil {
		return errors.New(`"accepted" is missing`)
	}
	return nil
}

func question() *Request {
	return &Request{
		Messages: append(make([]Message, 0, 8), Message{System, "Judge."}, Message{User, "Is it?"}),
		Schema:   &Schema{Name: "verdict", Schema: json.RawMessage(`{}`)}, Seed: 3, Replicate: 2,
	}
}

func say(texts ...string) (out []Response) {
	for _, t := range texts {
		out = append(out, Response{Content: t, FinishReason: "stop"})
	}
	return out
}

func TestAskDecodes(t *testing.T) {
	for name, text := range map[string]string{
		"plain":  `{"accepted":true}`,
		"spaces": "\n {\"accepted\" : true }\n",
		"fence":  "Here it is:\n```json\n{\"accepted\":true}\n```\nGood luck.",
		"prose":  `I think {"accepted":true} fits.`,
		"more":   `{"accepted":true,"extra":{"a":[1,{}]}}`,

		"twice":                   `{"accepted":true}{"accepted":true}`,
		"twice, with a line":      "{\"accepted\":true}\n\n{\"accepted\":true}\n",
		"in a list":               `[{"accepted":true}]`,
		"byte order mark":         "\ufeff{\"accepted\":true}",
		"braces before":           `Given {x} and {y: {z}}, and {}: {"accepted":true}`,
		"an open brace before":    `Objects start with {. Mine: {"accepted":true}`,
		"the shape before":        `You want {"accepted": bool}, so {"accepted":true}`,
		"another object before":   `For {"event":"x"} I say {"accepted":true}`,
		"braces after":            "```json\n{\"accepted\":true}\n```\nHere {accepted} means {\"yes\": 1}, not {}.",
		"a brace after":           `{"accepted":true} :-}`,
		"braces in strings":       `{"reasons":["}{","\"}"],"accepted":true}`,
		"reasoning":               "<think>Is {\"accepted\":false} right? {</think>\n{\"accepted\":true}",
		"reasoning, tag missing":  "So {\"accepted\":false}?\n</think>\n\n```json\n{\"accepted\":true}```",
		"a tag in the answer":     `{"reasons":["</think> {x}"],"accepted":true}`,
		"a tag within one of two": `Well: {"reasons":["</think>"],"accepted":true} or {"accepted":true,"reasons":["</think>"]}`,

		"thinking":               `<thinking>{"accepted":false}</thinking>{"accepted":true}`,
		"thought amid prose":     `Well. <reasoning> {"accepted":false}, {"x"</reasoning> So {"accepted":true}`,
		"two thoughts":           `<think>{"accepted":false}</think><reflection>{"a":1}</reflection>{"accepted":true}`,
		"thought after it":       `{"accepted":true} <think>or {"accepted":false}?</think>`,
		"a draft without a tag":  `{"accepted":false}? No.</think>{"accepted":true}`,
		"thought by Mistral":     `[THINK]{"accepted":false}[/THINK]{"accepted":true}`,
		"a label":                `[Reasoning] It fits. [Answer] {"accepted":true}`,
		"thought by Kimi":        `◁think▷{"accepted":false}◁/think▷{"accepted":true}`,
		"thought by Cohere":      `<|START_THINKING|>{"accepted":false}<|END_THINKING|><|START_RESPONSE|>{"accepted":true}<|END_RESPONSE|>`,
		"thought by Seed":        `<seed:think>{"accepted":false}</seed:think>{"accepted":true}`,
		"begun and ended":        `<|begin_of_thought|>{"accepted":false}<|end_of_thought|><|begin_of_solution|>{"accepted":true}`,
		"channels":               `<|channel|>analysis<|message|>{"accepted":false}<|end|><|start|>assistant<|channel|>commentary<|message|>{"accepted":false}<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>{"accepted":true}<|return|>`,
		"channels, first opened": `analysis<|message|>{"accepted":false}<|end|><|start|>assistant<|channel|>final<|message|>{"accepted":true}`,
		"channels, marks lost":   `analysisFirst {"accepted":false}, but no.assistantfinal{"accepted":true}`,
	} {
		c := &talker{answers: say(text)}
		v, err := Ask(t.Context(), c, question(), 0, (*verdict).check)
		if err != nil || !*v.Accepted {
			t.Errorf("%s: %v, %v", name, v, err)
		}
	}
}

// TestAskRepairs: each kind of unusable answer is sent back with its reason.
func TestAskRepairs(t *testing.T) {
	cut := Response{Content: `{"accepted":tr`, FinishReason: Length}
	draft := Response{Content: `First I think {"accepted":true}, but then`, FinishReason: Length}
	tests := map[string]struct {
		answer Response
		reason string
	}{
		"empty":                        {say("")[0], "it holds no JSON object"},
		"backwards":                    {say("} {")[0], "it holds no JSON object"},
		"list":                         {say("[true]")[0], "it holds no JSON object"},
		"cut off":                      {cut, "it was cut off at the token limit"},
		"cut off after a draft":        {draft, "it was cut off at the token limit"},
		"two that differ":              {say(`First {"accepted":true}, but no: {"accepted":false}`)[0], "it holds two answers that differ"},
		"thought without an end":       {say(`So. <thinking>{"accepted":true}`)[0], "it holds no JSON object"},
		"thought, opened in a prompt":  {say(`So {"accepted":true}.</think> Done.`)[0], "it holds no JSON object"},
		"channels without an answer":   {say(`<|channel|>analysis<|message|>{"accepted":true}<|end|>`)[0], "it holds no JSON object"},
		"not closed":                   {say(`{"accepted":true,"x":{"y":1}`)[0], "its JSON object is not closed"},
		"broken":                       {say(`{"accepted":yes}`)[0], "its JSON is broken at byte 13"},
		"wrong type":                   {say(`{"accepted":"yes"}`)[0], `"accepted" must not be a JSON string`},
		"deep type":                    {say(`{"reasons":[1]}`)[0], `"reasons" must not be a JSON number`},
		"prose":                        {say("yes")[0], "it holds no JSON object"},
		"a braced word":                {say("{yes}")[0], "its JSON is broken at byte 2"},
		"only thought":                 {say(`<think>{"accepted":true}`)[0], "it holds no JSON object"},
		"thought, words":               {say(`<think>{"accepted":true}</think> {yes}`)[0], "its JSON is broken at byte 2"},
		"a part of what is broken":     {say(`{"accepted":yes,"x":{"accepted":true}}`)[0], "its JSON is broken at byte 13"},
		"a part of what is not closed": {say(`{"x":[{"accepted":true},{"acc`)[0], "its JSON object is not closed"},
		"two of the wrong type":        {say(`{"accepted":1}{"accepted":"x"}`)[0], `"accepted" must not be a JSON number`},
		"two refused":                  {say(`{"a":1} {"reasons":5}`)[0], `"accepted" is missing`},
		"refused":                      {say(`{"Reasons":[]}`)[0], `"accepted" is missing`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			req := question()
			c := &talker{answers: []Response{tt.answer, say(`{"accepted":false}`)[0]}}
			v, err := Ask(t.Context(), c, req, 1, (*verdict).check)
			if err != nil || *v.Accepted || v.Reasons != nil {
				t.Fatalf("%+v, %v", v, err)
			}
			if !reflect.DeepEqual(req, question()) || len(req.Messages[:4][2].Content) != 0 {
				t.Errorf("the caller's request was changed: %+v", req.Messages[:4])
			}
			second := c.asked[1]
			said := WithoutControl(tt.answer.Content)
			if said == "" {
				said = "(no answer)"
			}
			want := append(slices.Clip(question().Messages), Message{Assistant, said}, Message{User,
				"That answer cannot be used: " + tt.reason + `. Answer again with one JSON object that matches the schema "verdict" and nothing else.`})
			if !reflect.DeepEqual(second.Messages, want) || second.Seed != 3 || second.Replicate != 2 || second.Schema.Name != "verdict" {
				t.Errorf("repair asks %+v\nwant %+v", second.Messages, want)
			}
		})
	}
}

// TestWholeAnswerCountsAtTheLimit: what was cut off is not what is needed.
func TestWholeAnswerCountsAtTheLimit(t *testing.T) {
	for _, text := range []string{
		`{"accepted":true}`, "{\"accepted\":true}" + strings.Repeat("\n", 500), `{"accepted":true} That is bec`, "```json\n{\"accepted\":true}\n```\nI sa",
		"Here it is: {\"accepted\":true}\n\n", `<think>{"accepted":false}</think>{"accepted":true} And {"acc`,
	} {
		c := &talker{answers: []Response{{Content: text, FinishReason: Length}}}
		if v, err := Ask(t.Context(), c, question(), 0, (*verdict).check); err != nil || !*v.Accepted {
			t.Errorf("%q: %+v, %v", text, v, err)
		}
	}
}

// TestAskNamesWhereAnAnswerStands: a server that puts it beside its place is not
// asked again for the same.
func TestAskNamesWhereAnAnswerStands(t *testing.T) {
	c := &talker{answers: []Response{{Content: " ", FinishReason: Length, Elsewhere: "reasoning_content"}}}
	_, err := Ask(t.Context(), c, question(), 2, (*verdict).check)
	m, ok := errors.AsType[*Malformed](err)
	if !ok || len(c.asked) != 1 || !strings.Contains(err.Error(), `reasoning_content (finish reason "length")`) || !strings.Contains(m.Hint(), "parser") {
		t.Errorf("%d calls, %v", len(c.asked), err)
	}
	c = &talker{answers: []Response{{Content: `{"accepted":true}`, Elsewhere: "reasoning_content"}}}
	if _, err := Ask(t.Context(), c, question(), 0, (*verdict).check); err != nil {
		t.Errorf("an answer beside its reasoning: %v", err)
	}
}

// TestReasoningIsReadOnce: no text takes a time that grows with its square.
func TestReasoningIsReadOnce(t *testing.T) {
	for _, part := range []string{"<think>", "</think>", "[THINK]", "[/THINK]", `{"`, `{"a":1}</think>`, "<|channel|>final<|message|>", "[", "◁", "<", "{\"</think>", "◁think▷{"} {
		_, _ = read[verdict](&Response{Content: strings.Repeat(part, 20_000)}, nil)
	}
}

func TestAskGivesUp(t *testing.T) {
	for repairs := range 3 {
		c := &talker{answers: say("a", "b", "c", "d")}
		_, err := Ask[verdict](t.Context(), c, question(), repairs, nil)
		m, ok := errors.AsType[*Malformed](err)
		if !ok || len(c.asked) != repairs+1 || m.Raw != c.answers[repairs].Content || m.Schema != "verdict" || !strings.Contains(err.Error(), "no JSON object") {
			t.Errorf("%d repairs: %d calls, %v", repairs, len(c.asked), err)
		}
		if n := len(c.asked[repairs].Messages); n != 2+2*repairs {
			t.Errorf("%d repairs: the last request has %d messages", repairs, n)
		}
	}
}

// TestAskTellsAnOddFinish, in the error alone: a repair is the same whatever the
// provider says.
func TestAskTellsAnOddFinish(t *testing.T) {
	odd := Response{Content: "none", FinishReason: "tool_calls"}
	c := &talker{answers: []Response{odd, odd}}
	_, err := Ask[verdict](t.Context(), c, question(), 1, nil)
	if err == nil || !strings.Contains(err.Error(), `no JSON object (finish reason "tool_calls")`) || strings.Contains(c.asked[1].Messages[3].Content, "tool_calls") {
		t.Errorf("%v, asked %q", err, c.asked[1].Messages[3].Content)
	}
}

func TestAskPassesFailuresOn(t *testing.T) {
	c := &talker{answers: say("not JSON")}
	_, err := Ask[verdict](t.Context(), c, question(), 5, nil)
	if e, ok := errors.AsType[*Error](err); !ok || e.Status != 500 || len(c.asked) != 2 {
		t.Errorf("%d calls, %v", len(c.asked), err)
	}
}

// FuzzAsk: whatever a model answers, Ask decodes it or gives a reason that can be sent.
func FuzzAsk(f *testing.F) {
	for _, text := range []string{`{"accepted":true}`, "```json\n{}\n```", `{`, `}{`, `{"accepted":1e999}`, `{"reasons":["\ud800"]}`, "{\xff}", `{"a":{"a":{"a":[`, `{"ACCEPTED":null}{}`,
		`{x} {"accepted":true}`, `<|channel|>final<|message|>{"accepted":true}<|end|>`, `[THINK]{[/THINK]{"accepted":true}`, `{"accepted":true}{"accepted":false}`, `{"a`, `{"accepted":true}{"accepted":true}`, "<think>{</think>{\"accepted\":true}", `[{"a":"\`, `{{}}`, `{ "}`} {
		f.Add(text, "stop")
	}
	f.Add(`{"accepted":true}`, "length")
	f.Add("0", strings.Repeat("\xb2", 100)) // a quoted byte takes up to four characters
	f.Fuzz(func(t *testing.T, text, finish string) {
		c := &talker{answers: []Response{{Content: text, FinishReason: finish}}}
		v, err := Ask(t.Context(), c, question(), 0, (*verdict).check)
		if err == nil {
			if v.Accepted == nil || !strings.Contains(text, "{") {
				t.Errorf("%q was decoded to %+v", text, v)
			}
			return
		}
		m, ok := errors.AsType[*Malformed](err)
		if !ok || m.Raw != text || m.Err.Error() == "" || len(m.Err.Error()) > len(text)+400 || utf8.ValidString(text) && !utf8.ValidString(err.Error()) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
