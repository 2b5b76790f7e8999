package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/trace"
)

func schema(name string) *llm.Schema { return &llm.Schema{Name: name} }

func chat(t testing.TB, m llm.Model, req *llm.Request) *llm.Response {
	t.Helper()
	resp, err := New(m).Chat(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

const userText = "You play a person."

const userScene = `Who you are: Ada, 51.
Your goal: Write a Ruby script to tidy the brass catalogue.
Where you are: Workshop. A bench with a laptop and a code editor.
Around you:
- Visual Studio Code
- Terminal`

func TestSameRequestSameAnswer(t *testing.T) {
	m := llm.Model{Name: "a", Provider: llm.Sim, Params: llm.Params{Skill: 0.5}}
	req := func(seed uint64, text string) *llm.Request {
		return &llm.Request{Schema: schema("activity"), Seed: seed, Messages: []llm.Message{{Role: llm.System, Content: userText}, {Role: llm.User, Content: prompt.Open(userScene, text)}}}
	}
	first := chat(t, m, req(1, "What do you do?"))
	if again := chat(t, m, req(1, "What do you do?")); *again != *first {
		t.Errorf("%+v, then %+v", first, again)
	}
	answers := map[string]bool{}
	for i := range uint64(40) {
		answers[chat(t, m, req(i, "What do you do?")).Content] = true
	}
	if len(answers) < 10 {
		t.Errorf("%d different answers to 40 seeds", len(answers))
	}
	for name, other := range map[string]*llm.Response{
		"text":  chat(t, m, req(1, "What do you do now?")),
		"name":  chat(t, llm.Model{Name: "b", Params: llm.Params{Skill: 0.5}}, req(1, "What do you do?")),
		"skill": chat(t, llm.Model{Name: "a", Params: llm.Params{Skill: 0.6}}, req(1, "What do you do?")),
	} {
		if other.Content == first.Content {
			t.Errorf("the answer does not depend on the %s", name)
		}
	}
	// ⌈bytes/4⌉ tokens for each message and for the answer.
	want := int64((len(userText)+3)/4 + (len(prompt.Open(userScene, "What do you do?"))+3)/4)
	if u := first.Usage; u.Prompt != want || u.Completion != int64((len(first.Content)+3)/4) || u.Calls != 1 || u.Cached != 0 {
		t.Errorf("usage %+v, want %d prompt tokens", u, want)
	}
}

// TestCachedIsWhatTheQuestionBeforeSent: the messages up to the last answer, and
// nothing of a conversation's first question.
func TestCachedIsWhatTheQuestionBeforeSent(t *testing.T) {
	msgs := []llm.Message{{Role: llm.System, Content: userText}, {Role: llm.User, Content: prompt.Open(userScene, "First?")}}
	var before int64
	for range 3 {
		u := chat(t, llm.Model{Name: "a"}, &llm.Request{Schema: schema("activity"), Messages: msgs}).Usage
		if u.Cached != before {
			t.Errorf("%d messages: %d cached, and %d were sent", len(msgs), u.Cached, before)
		}
		before = u.Prompt
		msgs = append(msgs, llm.Message{Role: llm.Assistant, Content: "Yes."}, llm.Message{Role: llm.User, Content: "Next?"})
	}
}

// TestSummaryRemembers: a user knows from a note how far it had come and where it
// began, and an environment how things are.
func TestSummaryRemembers(t *testing.T) {
	msgs := []llm.Message{{Role: llm.System, Content: userText}}
	exchange := func(question, answer string) {
		msgs = append(msgs, llm.Message{Role: llm.User, Content: question}, llm.Message{Role: llm.Assistant, Content: answer})
	}
	ask := func(part, question string) string {
		t.Helper()
		for seed := range uint64(5) { // one of two hundred is malformed
			req := &llm.Request{Schema: schema(part), Seed: seed, Messages: append(slices.Clip(msgs), llm.Message{Role: llm.User, Content: question})}
			if s := chat(t, llm.Model{Params: llm.Params{Skill: 0.9}}, req).Content; json.Valid([]byte(s)) {
				return s
			}
		}
		t.Fatal("only malformed answers")
		return ""
	}
	const forget = "You are about to forget this conversation, but for the newest 2 questions with their answers."
	exchange(prompt.Open(userScene, "Nothing has happened yet. What do you do first?"), `{"activity":"I open the file & look.","goalMet":false}`)
	exchange("[1.0] The user opens the file.\nThe assistant stayed silent.", `{"accepted":true,"reason":"x"}`)
	exchange("What do you do next?", `{"activity":"I read.","goalMet":false}`)
	exchange("[2.0] The user reads.\nThe assistant stayed silent.", `{"accepted":true,"reason":"x"}`)
	note := ask("summary", forget)
	if want := `{"summary":"Last: The user opens the file. Steps done: 1. The first: I open the file & look."}`; note != want {
		t.Errorf("noted %s, want %s", note, want)
	}
	kept := msgs[len(msgs)-4:]
	msgs = slices.Concat(msgs[:1], []llm.Message{{Role: llm.User, Content: prompt.Open(userScene, forget)}, {Role: llm.Assistant, Content: note}}, kept)
	exchange("What do you do next?", `{"activity":"I write.","goalMet":false}`)
	c := call{msgs: msgs}
	if done, first, known := c.progress(); done != 3 || first != `{"activity":"I open the file & look.","goalMet":false}` || !known {
		t.Errorf("%d done, the first %s, known: %v", done, first, known)
	}
	// Notes are handed on, and without one the user cannot know.
	if note = ask("summary", forget); !strings.Contains(note, "Steps done: 2. The first: I open the file & look.") {
		t.Errorf("then noted %s", note)
	}
	c.msgs = slices.Concat(msgs[:1], kept)
	c.msgs[1].Content = prompt.Open(userScene, c.msgs[1].Content)
	if done, _, known := c.progress(); done != 1 || known {
		t.Errorf("%d done, known: %v", done, known)
	}

	msgs = []llm.Message{{Role: llm.System, Content: "You play the surroundings.\n\nThings here:\n- Lamp"}}
	exchange("The person: I go.", `{"events":[{"event":"x","actor":"user","seconds":1,"failure":false,"entities":[{"name":"Lamp","state":"off"},{"name":"Drawer","state":"open"}]}]}`)
	exchange("The assistant calls: lamp.on()", `{"result":"r","ok":true,"event":"e","seconds":1,"entities":[{"name":"Lamp","state":"on"}]}`)
	exchange("The person: I stay.", `{"events":[]}`)
	exchange("The person: I stay.", `{"events":[]}`)
	if note = ask("summary", forget); note != `{"summary":"Lamp is on; Drawer is open"}` {
		t.Errorf("the environment noted %s", note)
	}
	msgs = []llm.Message{msgs[0], {Role: llm.User, Content: forget}, {Role: llm.Assistant, Content: note}}
	for range 3 {
		exchange("The person: I stay.", `{"events":[{"event":"x","entities":[{"name":"Drawer","state":"shut"}]}]}`)
	}
	if note = ask("summary", forget); note != `{"summary":"Lamp is on; Drawer is shut"}` {
		t.Errorf("then the environment noted %s", note)
	}
}

func TestMalformedIsRareAndRepairable(t *testing.T) {
	m := llm.Model{Name: "a", Params: llm.Params{Skill: 0.5}}
	malformed := 0
	const n = 8000
	for i := range n {
		req := &llm.Request{Schema: schema("activity"), Seed: uint64(i), Messages: []llm.Message{{Role: llm.System, Content: userText}, {Role: llm.User, Content: prompt.Open(userScene, "Next?")}}}
		if content := chat(t, m, req).Content; !json.Valid([]byte(content)) {
			malformed++
			if _, err := llm.Ask(context.Background(), New(m), req, 3, func(a *prompt.Activity) error {
				if a.Activity == "" {
					return fmt.Errorf("empty")
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		}
	}
	if malformed < n/malformedOneIn/2 || malformed > n/malformedOneIn*2 {
		t.Errorf("%d of %d answers are malformed, want about one in %d", malformed, n, malformedOneIn)
	}
}

func TestScenesOfAllDomainsCanBePlayed(t *testing.T) {
	for _, tt := range []struct {
		domain, task string
		kit          *kit
	}{
		{"coding", "Write a parser for bird calls in Go", &coding},
		{"writing", "Draft a report on heat pumps", &writing},
		{"daily life", "Find a plumber for the tap", &daily},
		{"吃饭", "做饭", &daily},
	} {
		for seed := range uint64(20) {
			req := &llm.Request{Schema: schema("scene"), Seed: seed, Messages: []llm.Message{{Role: llm.System, Content: "Write a scene."},
				{Role: llm.User, Content: "Domain: " + tt.domain + "\nSample events:\n- The user opens Kite Studio.\n- The user saves.\nTask: " + tt.task}}}
			var s prompt.Scene
			if err := json.Unmarshal([]byte(chat(t, llm.Model{}, req).Content), &s); err != nil {
				continue // one of the malformed
			}
			ts := trace.Scene{User: s.User, Environment: s.Environment}
			if err := ts.Check(); err != nil {
				t.Errorf("%s: %v", tt.domain, err)
			}
			if s.User.Goal != tt.task+"." || len(s.Environment.Entities) < 5 || len(s.Environment.Examples) < 5 {
				t.Errorf("%s: %+v", tt.domain, s)
			}
			for _, op := range s.Environment.Operations {
				if !slices.Contains(tt.kit.operations, op) {
					t.Errorf("%s: operation %s", tt.domain, op)
				}
			}
		}
	}
}

func TestUserWorksTowardItsGoalAndStops(t *testing.T) {
	lengths := map[int]int{}
	for seed := range uint64(60) {
		msgs := []llm.Message{{Role: llm.System, Content: userText}}
		for n := 0; ; n++ {
			question := "What do you do?"
			if n == 0 {
				question = prompt.Open(userScene, question)
			}
			msgs = append(msgs, llm.Message{Role: llm.User, Content: question})
			req := &llm.Request{Schema: schema("activity"), Seed: seed*100 + uint64(n), Messages: msgs}
			a, err := llm.Ask(t.Context(), New(llm.Model{Params: llm.Params{Skill: 0.9}}), req, 3, func(*prompt.Activity) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			if a.GoalMet {
				lengths[n]++
				break
			}
			if !strings.HasPrefix(a.Activity, "I ") || strings.ContainsAny(a.Activity, "{}") {
				t.Errorf("activity %q", a.Activity)
			}
			b, _ := json.Marshal(a)
			msgs = append(msgs, llm.Message{Role: llm.Assistant, Content: string(b)})
		}
	}
	if len(lengths) < 4 || lengths[0]+lengths[1]+lengths[2] > 0 {
		t.Errorf("sessions by number of activities: %v", lengths)
	}
}

func TestEnvironmentUnfoldsTheActivity(t *testing.T) {
	const place = "Where this is: Workshop. A laptop with a code editor.\nThings here:\n- Visual Studio Code\n- Terminal\nWhat the assistant can call:\n- file.open(path)"
	for seed := range uint64(200) {
		news := "The person: I run the tidy script in Terminal and read the output."
		if seed%2 == 0 {
			news += "\nSomething goes wrong this time."
		}
		req := &llm.Request{Schema: schema("events"), Seed: seed, Messages: []llm.Message{{Role: llm.System, Content: "You play the surroundings."}, {Role: llm.User, Content: prompt.Open(place, news)}}}
		var a prompt.Events
		if err := json.Unmarshal([]byte(chat(t, llm.Model{}, req).Content), &a); err != nil {
			continue
		}
		if got := a.Events[0].Text; got != "The user runs the tidy script in Terminal and reads the output." {
			t.Fatalf("first event %q", got)
		}
		failed := false
		for _, e := range a.Events {
			failed = failed || e.Failure
			if e.Seconds <= 0 || strings.ContainsAny(e.Text, "{}") || e.Actor != "user" && e.Actor != "environment" {
				t.Errorf("event %+v", e)
			}
			if e.Failure && cueOf(e.Text) != failing {
				t.Errorf("the failure %q does not read like one", e.Text)
			}
		}
		if failed != (seed%2 == 0) {
			t.Errorf("failure %v when told %q", failed, news)
		}
	}
}

func TestThirdPerson(t *testing.T) {
	for in, want := range map[string]string{
		"I search the web for 'how to go and tidy' in Firefox.": "The user searches the web for 'how to go and tidy' in Firefox.",
		"I try my key and copy it.":                             "The user tries their key and copies it.",
		"The kettle boils.":                                     "The kettle boils.",
	} {
		if got := thirdPerson(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestNeedAndFit(t *testing.T) {
	search := []moment{{0, "The user opens the file 'tax.xlsx'."}, {5, "The user searches for 'deduction home office 2024'."}}
	calm := []moment{{0, "The user types two lines into 'tax.xlsx'."}}
	agent := []moment{{0, "The agent calls browser.open, which stops with an error."}}
	if !needs(search) || needs(calm) || needs(agent) || needs(nil) {
		t.Error("a search is a need; typing and the agent's own errors are none")
	}
	for task, want := range map[string]bool{
		"Summarize the deduction rules for a home office": true,
		"Suggest a short break and some stretching":       false,
		"Open a file": false,
	} {
		if got := fits(task, search); got != want {
			t.Errorf("fits(%q) = %v, want %v", task, got, want)
		}
	}
}

// realistic is a history with an alternation of needs and none.
func realistic(n int) []trace.Event {
	texts := []string{
		"The user opens the folder 'brass catalogue' in Visual Studio Code.",
		"The user searches the web for 'ruby csv header order'.",
		"The user types three lines into 'tidy.rb'.",
		"The terminal prints 'KeyError: price column not found' for 'tidy.rb'.",
		"The user saves 'tidy.rb'.",
		"The user goes back and forth between 'tidy.rb' and 'catalogue.csv'.",
	}
	var out []trace.Event
	for i := range n {
		out = append(out, trace.Event{Time: fmt.Sprintf("%d.000", 1717378000+i*9), Text: texts[i%len(texts)]})
	}
	return out
}

// TestSkillShowsInF1 has agents of three skills propose on the same events and a
// perfect judge score them.
func TestSkillShowsInF1(t *testing.T) {
	judge := New(llm.Model{Name: "judge", Params: llm.Params{Skill: 1}})
	f1 := func(skill float64) float64 {
		agent := New(llm.Model{Name: "agent", Params: llm.Params{Skill: skill}})
		var tp, fp, fn float64
		for seed := range uint64(30) {
			var turns []trace.Turn
			history := realistic(18)
			for i, e := range history {
				turns = append(turns, trace.Turn{Event: e})
				r, err := llm.Ask(t.Context(), agent, &llm.Request{Schema: prompt.AgentSchema(1), Seed: seed, Messages: prompt.AgentHistory("", turns, 0, i, 1)}, 3,
					func(r *prompt.AgentReply) error { return r.Check(1) })
				if err != nil {
					t.Fatal(err)
				}
				turns[i].Proposals = r.Proposals()
				var task *string
				if len(turns[i].Proposals) > 0 {
					task = &turns[i].Proposals[0]
				}
				v, err := llm.Ask(t.Context(), judge, &llm.Request{Schema: prompt.JudgeSchema(), Messages: prompt.JudgeMessages("", history[:i+1], task)}, 3, (*prompt.Verdict).Check)
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case task != nil && *v.Accepted:
					tp++
				case task != nil:
					fp++
				case !*v.Accepted:
					fn++
				}
			}
		}
		return 2 * tp / (2*tp + fp + fn)
	}
	high, middle, low := f1(0.95), f1(0.5), f1(0.1)
	t.Logf("F1 by skill: .95 %.3f, .5 %.3f, .1 %.3f", high, middle, low)
	if high < middle+0.15 || middle < low+0.1 || high < 0.8 {
		t.Errorf("F1 by skill: .95 %.3f, .5 %.3f, .1 %.3f; want them well apart", high, middle, low)
	}
}

func TestSeveralOffers(t *testing.T) {
	history := realistic(4)
	text := prompt.JudgeCase(history, nil)
	text = strings.TrimSuffix(text, "The assistant stayed silent.") + "The assistant proposed:\n1. Play quiet music in the background\n2. Find the cause of 'KeyError: price column not found' in 'tidy.rb'"
	req := &llm.Request{Schema: schema("verdict"), Messages: []llm.Message{{Role: llm.User, Content: text}}}
	var j verdict
	if err := json.Unmarshal([]byte(chat(t, llm.Model{Params: llm.Params{Skill: 1}}, req).Content), &j); err != nil || !j.Accepted || !j.HelpNeeded || j.Task == nil || *j.Task != 2 {
		t.Errorf("%+v, %v", j, err)
	}
	long := 0
	for seed := range uint64(30) {
		req := &llm.Request{Schema: prompt.AgentSchema(3), Seed: seed, Messages: []llm.Message{{Role: llm.System, Content: prompt.AgentSystem("", 3)},
			{Role: llm.User, Content: prompt.AgentEvent(history[3], "")}}}
		var p prompt.AgentReply
		if json.Unmarshal([]byte(chat(t, llm.Model{Params: llm.Params{Skill: 0.9}}, req).Content), &p) == nil {
			if len(p.Proposals()) > 3 {
				t.Errorf("%d tasks", len(p.Proposals()))
			}
			if len(p.Proposals()) > 1 {
				long++
			}
		}
	}
	if long == 0 {
		t.Error("an agent that may propose three tasks never proposed two")
	}
}

func TestCallsFitTheirSignatures(t *testing.T) {
	for _, tt := range []struct{ signature, task, want string }{
		{"file.open(file_path: str, mode: str = 'r') -> str", "Check the brass lamp for mistakes", "file.open('brass-lamp.md', 'r')"},
		{"file.open(path)", "Check the brass lamp in lamp.py for mistakes", "file.open('lamp.py')"},
		{"terminal_read_output() -> str", "Check the brass lamp", "terminal_read_output()"},
		{"browser.open(url)", "Look up 'brass (old) lamp' and show the best answer", "browser.open('https://example.org/brass-old-lamp')"},
		{"text.generate(prompt:string, **kwargs):string", "Draft the next part of the brass lamp", "text.generate('brass lamp')"},
		{"email.send(recipient (string), subject, body)", "Draft the next part of the brass lamp", "email.send('colleague@example.org', 'brass lamp', 'Notes on brass lamp')"},
		{"list.sort(items, order)", "Check the brass lamp", "list.sort('brass lamp', 'default')"},
		{"image.read(path): Reads (and describes) a picture.", "Compare the brass lamp", "image.read('brass-lamp.md')"},
	} {
		if got := callOf(tt.signature, tt.task); got != tt.want {
			t.Errorf("%q is called %q, want %q", tt.signature, got, tt.want)
		}
	}
}

// TestOperationsDiffer: an agent at work calls no operation twice, and stops
// when it has called them all.
func TestOperationsDiffer(t *testing.T) {
	for seed := range uint64(100) {
		msgs := []llm.Message{{Role: llm.System, Content: "You carry out a task."},
			{Role: llm.User, Content: prompt.Open("Operations:\n- lamp.open(path)\n- lamp.read(path)", "Your task: Check the brass lamp number "+fmt.Sprint(seed))}}
		called := map[string]bool{}
		for {
			req := &llm.Request{Schema: schema("operation"), Seed: seed, Messages: msgs}
			o, err := llm.Ask(t.Context(), New(llm.Model{}), req, 3, func(*prompt.Operation) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			if o.Done {
				break
			}
			if called[o.Call] {
				t.Fatalf("%s is called again", o.Call)
			}
			called[o.Call] = true
			msgs = append(msgs, llm.Message{Role: llm.Assistant, Content: prompt.Encode(o)}, llm.Message{Role: llm.User, Content: "It returned: x"})
		}
		if len(called) == 0 {
			t.Error("nothing was called")
		}
	}
}

func TestUnknownSchemaAndCancel(t *testing.T) {
	if resp := chat(t, llm.Model{}, &llm.Request{Messages: []llm.Message{{Role: llm.User, Content: "Hello"}}}); !strings.Contains(resp.Content, "stand-in") {
		t.Errorf("answer %q", resp.Content)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(llm.Model{}).Chat(ctx, &llm.Request{}); err != context.Canceled {
		t.Errorf("error %v", err)
	}
}

// FuzzChat throws any text at every part: it must answer, always the same.
func FuzzChat(f *testing.F) {
	for _, s := range []string{userText, userScene + "\n\nNext?", "The person: I go.", "[1.0] The user searches for 'x'\nThe assistant proposed: y", "The assistant proposed:\n1. ", "Operations:\n- (\n- x(a", "“‘'\"", "- \n[", "Domain:\nTask:", "the newest 9223372036854775807 questions"} {
		f.Add(s, s, uint64(1))
	}
	f.Fuzz(func(t *testing.T, system, question string, seed uint64) {
		for _, part := range []string{"scene", "activity", "events", "result", "proposal", "operation", "judgement", "summary", "other"} {
			req := &llm.Request{Schema: schema(part), Seed: seed, Messages: []llm.Message{{Role: llm.System, Content: system}, {Role: llm.User, Content: question}}}
			if a, b := chat(t, llm.Model{Params: llm.Params{Skill: 0.5}}, req), chat(t, llm.Model{Params: llm.Params{Skill: 0.5}}, req); *a != *b || a.Content == "" {
				t.Errorf("%s: %+v, then %+v", part, a, b)
			}
		}
	})
}

func BenchmarkChat(b *testing.B) {
	m := New(llm.Model{Name: "sim", Params: llm.Params{Skill: 0.9}})
	var turns []trace.Turn
	for _, e := range realistic(12) {
		turns = append(turns, trace.Turn{Event: e})
	}
	for name, req := range map[string]*llm.Request{
		"proposal":  {Schema: prompt.AgentSchema(1), Messages: prompt.AgentHistory("", turns, 0, 11, 1)},
		"judgement": {Schema: prompt.JudgeSchema(), Messages: prompt.JudgeMessages("", realistic(12), &turns[0].Event.Text)},
		"activity":  {Schema: schema("activity"), Messages: []llm.Message{{Role: llm.System, Content: userText}, {Role: llm.User, Content: prompt.Open(userScene, "Next?")}}},
		"events":    {Schema: schema("events"), Messages: []llm.Message{{Role: llm.System, Content: userText}, {Role: llm.User, Content: prompt.Open(userScene, "The person: I open Terminal.")}}},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				req.Seed++
				if _, err := m.Chat(context.Background(), req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
