package prompt

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

func turns() []trace.Turn {
	first := 0
	return []trace.Turn{
		{Event: trace.Event{Time: "1717378000.744", Text: "The user opens a terminal."}, Proposals: []string{}, Judgement: &trace.Judgement{Accepted: true}},
		{Event: trace.Event{Time: "1717378010.1", Text: "The user runs the tests, and two fail."}, Proposals: []string{"Explain <why> they & fail", "b"}, Judgement: &trace.Judgement{Accepted: true, Task: &first}},
		{Event: trace.Event{Time: "1717378020.5", Text: "The user reads the log."}, Proposals: []string{"Open the log"}, Judgement: &trace.Judgement{Reason: "already open"}},
		{Event: trace.Event{Time: "1717378021", Text: "The user scrolls."}, Proposals: nil, Judgement: &trace.Judgement{}},
		{Event: trace.Event{Time: "1717378022", Text: "The user waits."}, Proposals: []string{"Wait"}},
		{Event: trace.Event{Time: "1717378023", Text: "The user leaves."}},
	}
}

func TestAgentHistory(t *testing.T) {
	got := AgentHistory("", turns(), 0, 5, 2)
	want := []llm.Message{
		{Role: llm.System, Content: AgentSystem("", 2)},
		{Role: llm.User, Content: "[1717378000.744] The user opens a terminal."},
		{Role: llm.Assistant, Content: `{"tasks":[]}`},
		{Role: llm.User, Content: "[1717378010.1] The user runs the tests, and two fail."}, // silence gets no verdict
		{Role: llm.Assistant, Content: `{"tasks":["Explain <why> they & fail","b"]}`},
		{Role: llm.User, Content: "[user] accepted the offer: Explain <why> they & fail\n[1717378020.5] The user reads the log."},
		{Role: llm.Assistant, Content: `{"tasks":["Open the log"]}`},
		{Role: llm.User, Content: "[user] declined the offer\n[1717378021] The user scrolls."},
		{Role: llm.Assistant, Content: `{"tasks":[]}`},
		{Role: llm.User, Content: "[1717378022] The user waits."}, // nor does missed help
		{Role: llm.Assistant, Content: `{"tasks":["Wait"]}`},
		{Role: llm.User, Content: "[1717378023] The user leaves."}, // nor what was not judged
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

// TestHistoryIsAppendOnly: each turn's request starts with all of the one
// before, which is what prefix caches need.
func TestHistoryIsAppendOnly(t *testing.T) {
	all := turns()
	for n := 1; n < len(all); n++ {
		before, after := AgentHistory("", all, 0, n-1, 1), AgentHistory("", all, 0, n, 1)
		if !slices.Equal(after[:len(before)], before) || len(after) != len(before)+2 {
			t.Errorf("turn %d rewrites the history", n)
		}
	}
}

// TestHistoryWindow: a window starts with the system text and an event, and
// shows no verdict on a proposal that it does not show.
func TestHistoryWindow(t *testing.T) {
	got := AgentHistory("", turns(), 2, 3, 1)
	if len(got) != 4 || got[0].Role != llm.System || got[1].Content != "[1717378020.5] The user reads the log." {
		t.Errorf("got %+v", got)
	}
}

func TestAgentReply(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string // nil: refused
	}{
		{`{"tasks":[]}`, []string{}},
		{`{"tasks":["a"]}`, []string{"a"}},
		{`{"tasks":["b","a"]}`, []string{"b", "a"}},
		{`{"tasks":["a\n  b "]}`, []string{"a b"}},
		{`{"tasks":[" ","null","None","a",""]}`, []string{"a"}},
		{`{"tasks":[null]}`, []string{}},
		{`{"tasks":["a","b","a ","null"]}`, []string{"a", "b"}},
		{`{}`, nil}, {`{"tasks":null}`, nil}, {`{"tasks":["a","b","c"]}`, nil},
	} {
		var r AgentReply
		if err := json.Unmarshal([]byte(tt.text), &r); err != nil {
			t.Fatal(err)
		}
		err := r.Check(2)
		if (err == nil) != (tt.want != nil) || err == nil && !reflect.DeepEqual(r.Proposals(), tt.want) {
			t.Errorf("%s: %v, %v; want %v", tt.text, r.Tasks, err, tt.want)
		}
	}
}

func TestFeedback(t *testing.T) {
	second := 1
	for _, tt := range []struct {
		proposals []string
		verdict   *trace.Judgement
		want      string
	}{
		{nil, &trace.Judgement{}, ""},
		{[]string{"a"}, nil, ""},
		{[]string{"a"}, &trace.Judgement{Accepted: true, Task: new(int)}, "accepted the offer"},
		{[]string{"a"}, &trace.Judgement{}, "declined the offer"},
		{[]string{"a", "b"}, &trace.Judgement{Accepted: true, Task: &second}, "accepted the offer: b"},
		{[]string{"a", "b"}, &trace.Judgement{}, "declined the offers"},
	} {
		if got := Feedback(trace.Turn{Proposals: tt.proposals, Judgement: tt.verdict}); got != tt.want {
			t.Errorf("%v, %+v: %q, want %q", tt.proposals, tt.verdict, got, tt.want)
		}
	}
}

func TestVerdict(t *testing.T) {
	for text, ok := range map[string]bool{
		`{"accepted":true,"reason":"x"}`: true, `{"accepted":false}`: true, `{"reason":"x"}`: false, `{"accepted":null}`: false,
	} {
		var v Verdict
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if err := v.Check(); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestJudgeCase(t *testing.T) {
	events := []trace.Event{{Time: "1", Text: "One."}, {Time: "2", Text: "Two."}}
	task := "Do it"
	if got, want := JudgeCase(events, &task), "Events:\n[1] One.\n[2] Two.\n\nThe assistant proposed: Do it"; got != want {
		t.Errorf("got %q", got)
	}
	if got, want := JudgeCase(events, nil), "Events:\n[1] One.\n[2] Two.\n\nThe assistant stayed silent."; got != want {
		t.Errorf("got %q", got)
	}
	msgs := JudgeMessages("", events, &task)
	if len(msgs) != 2 || msgs[0] != (llm.Message{Role: llm.System, Content: JudgeSystem("")}) || msgs[1].Role != llm.User {
		t.Errorf("got %+v", msgs)
	}
}

// TestAnswersFitTheirSchemas: what exports teach a model to answer is what
// constrained decoding lets it answer, and what Check takes.
func TestAnswersFitTheirSchemas(t *testing.T) {
	for _, tt := range []struct {
		schema *llm.Schema
		answer string
		fits   bool
	}{
		{AgentSchema(2), AgentAnswer(nil), true},
		{AgentSchema(2), AgentAnswer([]string{"a", "b"}), true},
		{AgentSchema(1), AgentAnswer([]string{"a", "b"}), false},
		{JudgeSchema(), JudgeAnswer(true, "it \"fits\" <well>"), true},
		{JudgeSchema(), JudgeAnswer(false, ""), true},
		{JudgeSchema(), `{"accepted":true,"reason":"x","more":1}`, false},
		{JudgeSchema(), AgentAnswer(nil), false},
	} {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(tt.schema.Schema)))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource("s.json", doc); err != nil {
			t.Fatal(err)
		}
		s, err := c.Compile("s.json")
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(tt.answer))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(v); (err == nil) != tt.fits {
			t.Errorf("%s, %s: %v", tt.schema.Name, tt.answer, err)
		}
		// Strict modes want every object closed and every property required.
		obj := doc.(map[string]any)
		if obj["additionalProperties"] != false || len(obj["required"].([]any)) != len(obj["properties"].(map[string]any)) {
			t.Errorf("%s is not a strict schema", tt.schema.Name)
		}
	}
	if got := JudgeAnswer(true, "<&>"); got != `{"accepted":true,"reason":"<&>"}` {
		t.Errorf("got %s", got)
	}
}

// TestTextsArePinned: a changed text must change Version, which is part of what
// the jobs' outputs depend on.
func TestTextsArePinned(t *testing.T) {
	texts := fmt.Sprint(AgentSystem("", 1), AgentSchema(1).Name, string(AgentSchema(1).Schema), JudgeSystem(""), JudgeSchema().Name, string(JudgeSchema().Schema),
		AgentHistory("", turns(), 0, 5, 1), JudgeMessages("", []trace.Event{{Time: "1", Text: "x"}}, nil), VerdictSystem(""), VerdictAnswer(true))
	const version, want = 2, "78ece19c6952fe6f34a9e5352e73c5127a7ab82216ab699969875f95e5163856"
	if got := store.DigestOf([]byte(texts)); got != want || Version != version {
		t.Errorf("version %d has digest %s: raise Version, and pin both here", Version, got)
	}
}

// TestOpening: what a conversation is about and its first question come apart again,
// whatever lines they have.
func TestOpening(t *testing.T) {
	for _, about := range []string{"", "Your goal: x\nAround you:\n- a"} {
		for _, question := range []string{"What do you do next?", "[1] x\nNow:\n- a: \"b\""} {
			if a, q := Opening(Open(about, question)); a != about || q != question {
				t.Errorf("%q and %q came apart as %q and %q", about, question, a, q)
			}
		}
	}
}

// TestAllAreToldWhatIsData: every system text of this package says so, in one sentence.
func TestAllAreToldWhatIsData(t *testing.T) {
	for _, system := range []string{AgentSystem("", 1), JudgeSystem(""), VerdictSystem("")} {
		if strings.Count(system, IsData) != 1 {
			t.Errorf("%q does not say once what is data", system)
		}
	}
}
