package generate

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/seed"
	"github.com/gymline/gymline/internal/sim"
)

// A prefixes is a tree of all messages that were sent, each below those before it.
type prefixes map[llm.Message]prefixes

// send adds a request and returns its tokens, as the stand-in counts them, and
// how many of them lie in whole messages at its beginning that were sent before.
func (p prefixes) send(msgs []llm.Message) (all, known int64) {
	fresh := false
	for _, m := range msgs {
		n := int64((len(m.Content) + 3) / 4)
		if p[m] == nil {
			p[m], fresh = prefixes{}, true
		}
		if all += n; !fresh {
			known += n
		}
		p = p[m]
	}
	return all, known
}

// tireless is a stand-in whose user never reaches the goal, and that keeps what
// it was asked and what it said of its cache.
type tireless struct {
	llm.Chatter
	requests []*llm.Request
	cached   []int64
}

func newTireless() *tireless {
	return &tireless{Chatter: sim.New(llm.Model{Name: "sim", Provider: llm.Sim, Params: llm.Params{Skill: 0.8}})}
}

func (m *tireless) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	resp, err := m.Chatter.Chat(ctx, req)
	if err != nil {
		return nil, err
	}
	if strings.Contains(resp.Content, `"goalMet":true`) {
		again := []string{"I open the drawer again.", "I search for 'lamp wiring' on the phone.", "I turn the lamp over and look at the base.", "I compare the two bolts."}
		resp.Content = fmt.Sprintf(`{"activity":%q,"goalMet":false}`, again[len(m.requests)%len(again)])
	}
	m.requests, m.cached = append(m.requests, req), append(m.cached, resp.Usage.Cached)
	return resp, nil
}

// longSession plays the workshop for exactly so many events.
func longSession(t *testing.T, events int, history *plan.History, root uint64) (*session, *tireless) {
	t.Helper()
	l := limits
	l.MaxEvents, l.History = events, history
	m := newTireless()
	se := newSession(l, &workshop, cast{m, m, m}, draws{rng: seed.New(root), repairs: 3})
	if _, err := se.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(se.turns) != events {
		t.Fatalf("%d events, want %d", len(se.turns), events)
	}
	return se, m
}

// TestPromptsAreSentBefore: of a session of 50 events, at least 85 % of the prompt
// tokens lie in a prefix of an earlier request, and the stand-in claims no more
// of any request than was sent.
func TestPromptsAreSentBefore(t *testing.T) {
	for root := range uint64(5) {
		_, m := longSession(t, 50, nil, root)
		known := prefixes{}
		var prompt, sent, claimed int64
		for i, req := range m.requests {
			all, before := known.send(req.Messages)
			if m.cached[i] > before {
				t.Fatalf("request %d (%s): %d tokens were called cached, and %d were sent before", i, req.Schema.Name, m.cached[i], before)
			}
			prompt, sent, claimed = prompt+all, sent+before, claimed+m.cached[i]
		}
		t.Logf("%d requests, %d prompt tokens, %.1f %% sent before, %.1f %% called cached",
			len(m.requests), prompt, 100*float64(sent)/float64(prompt), 100*float64(claimed)/float64(prompt))
		if 100*sent < 85*prompt {
			t.Errorf("session %d: %d of %d prompt tokens were sent before, want 85 %%", root, sent, prompt)
		}
		// What is not claimed is the system texts that conversations share.
		if 100*claimed < 85*prompt {
			t.Errorf("session %d: %d of %d prompt tokens are called cached, want 85 %%", root, claimed, prompt)
		}
		for role, requests := range conversations(m) {
			for i := 1; i < len(requests); i++ {
				if before := requests[i-1].Messages; !reflect.DeepEqual(before, requests[i].Messages[:min(len(before), len(requests[i].Messages))]) {
					t.Fatalf("request %d of the %s does not extend the one before", i, role)
				}
			}
		}
	}
}

var (
	window = &plan.History{Keep: plan.HistoryWindow, Exchanges: 20}
	sums   = &plan.History{Keep: plan.HistorySummary, Exchanges: 20}
)

// TestHistoryBoundsTokens measures what a bounded history does to the prompts;
// docs/gym.md has the table (go test -v -run HistoryBoundsTokens).
func TestHistoryBoundsTokens(t *testing.T) {
	const sessions = 5
	perEvent := map[string]map[int]float64{}
	for _, h := range []struct {
		name string
		*plan.History
	}{{"all", nil}, {"window", window}, {"summary", sums}} {
		perEvent[h.name] = map[int]float64{}
		for _, events := range []int{20, 50, 100} {
			var all, sent, calls int64
			for root := range uint64(sessions) {
				_, m := longSession(t, events, h.History, root)
				known := prefixes{}
				for _, req := range m.requests {
					a, b := known.send(req.Messages)
					all, sent, calls = all+a, sent+b, calls+1
				}
			}
			perEvent[h.name][events] = float64(all) / float64(sessions*events)
			share := float64(sent) / float64(all)
			t.Logf("%-8s %3d events: %5.0f prompt tokens an event, %.1f %% sent before, %5.0f not; %.2f calls", h.name, events,
				perEvent[h.name][events], 100*share, perEvent[h.name][events]*(1-share), float64(calls)/float64(sessions*events))
			if share < 0.75 {
				t.Errorf("%s, %d events: only %.1f %% were sent before", h.name, events, 100*share)
			}
		}
	}
	for _, name := range []string{"window", "summary"} {
		e, all := perEvent[name], perEvent["all"]
		if e[100] > 0.65*all[100] || e[50] > 0.9*all[50] {
			t.Errorf("%s: %.0f and %.0f tokens an event of 50 and 100, without %.0f and %.0f", name, e[50], e[100], all[50], all[100])
		}
		// All of it grows with the session; what is bounded does not.
		if e[100] > 1.3*e[50] || all[100] < 1.6*all[50] {
			t.Errorf("%s: from 50 to 100 events, tokens an event go from %.0f to %.0f", name, e[50], e[100])
		}
	}
}

// conversations sorts a session's requests by the role that was asked.
func conversations(m *tireless) map[string][]*llm.Request {
	role := map[string]string{"activity": "user", "verdict": "user", "events": "environment", "result": "environment", "proposal": "agent"}
	all := map[string][]*llm.Request{}
	for _, req := range m.requests {
		name := role[req.Schema.Name]
		if req.Schema.Name == "summary" {
			name = "environment"
			if strings.HasPrefix(req.Messages[0].Content, "You play a person") {
				name = "user"
			}
		}
		if name != "" && !strings.HasPrefix(lastMessage(req), "That answer cannot be used") {
			all[name] = append(all[name], req)
		}
	}
	return all
}

// TestBoundedConversations holds the shape of every request: the system text
// first, questions and answers in turn, never more exchanges than twice what is
// kept; each extends the one before it, but right after a cut, which leaves
// exactly what is kept.
func TestBoundedConversations(t *testing.T) {
	for _, h := range []*plan.History{window, sums, {Keep: plan.HistoryWindow, Exchanges: 2}, {Keep: plan.HistorySummary, Exchanges: 3}} {
		_, m := longSession(t, 100, h, 7)
		for role, requests := range conversations(m) {
			cuts := 0
			for i, req := range requests {
				for k, msg := range req.Messages {
					if want := []string{llm.User, llm.Assistant}[(k+1)%2]; k > 0 && msg.Role != want || k == 0 && msg.Role != llm.System {
						t.Fatalf("%+v, %s: message %d of request %d is the %s's", h, role, k, i, msg.Role)
					}
				}
				scene, opening := prompt.Opening(req.Messages[1].Content)
				if told := map[string]string{"user": userScene(&workshop), "environment": environmentScene(&workshop)}; scene != told[role] {
					t.Fatalf("%+v, %s: request %d opens with %q, want %q", h, role, i, scene, told[role])
				}
				noted := strings.HasPrefix(opening, "You are about to forget")
				head := 1
				if noted && len(req.Messages) > 2 {
					head = 3
				}
				exchanges := (len(req.Messages) - head) / 2
				if asked := req.Schema.Name == "summary"; exchanges > 2*h.Exchanges || exchanges == 2*h.Exchanges && !asked {
					t.Fatalf("%+v, %s: request %d has %d exchanges before it", h, role, i, exchanges)
				}
				if i == 0 {
					continue
				}
				before := requests[i-1].Messages
				if len(req.Messages) > len(before) {
					if !reflect.DeepEqual(before, req.Messages[:len(before)]) {
						t.Fatalf("%+v, %s: request %d does not extend the one before", h, role, i)
					}
					continue
				}
				cuts++
				if exchanges != h.Exchanges || req.Messages[0] != before[0] || noted != (h.Keep == plan.HistorySummary && role != "agent") {
					t.Errorf("%+v, %s: after a cut %d exchanges are left, a note: %v", h, role, exchanges, noted)
				}
				if noted && (opening != before[len(before)-1].Content || !strings.HasPrefix(req.Messages[2].Content, `{"summary":"`)) {
					t.Errorf("%+v, %s: the note opens with %+v", h, role, req.Messages[1:3])
				}
				// What is kept is what was there, but for the verdict on what went.
				old := before
				if noted {
					old = before[:len(before)-1]
				}
				kept, was := req.Messages[head+1:len(req.Messages)-1], old[len(old)-len(req.Messages)+head+2:]
				if !noted { // the last answer is not in the request before
					kept, was = kept[:len(kept)-2], before[len(before)-2*h.Exchanges+2:len(before)-1]
				}
				if !reflect.DeepEqual(kept, was) {
					t.Fatalf("%+v, %s: kept\n%v\nof\n%v", h, role, kept, was)
				}
			}
			if cuts == 0 && role != "environment" {
				t.Errorf("%+v, %s: no cut in 100 events", h, role)
			}
		}
	}
}

// TestAgentsWindowIsThatOfTraining: what the agent is sent is prompt.AgentHistory
// from some event on, before and after cuts, in which no verdict on what went is left.
func TestAgentsWindowIsThatOfTraining(t *testing.T) {
	for _, keep := range []string{plan.HistoryWindow, plan.HistorySummary} {
		se, m := longSession(t, 100, &plan.History{Keep: keep, Exchanges: 5}, 3)
		first, told := 0, 0
		for n, req := range conversations(m)["agent"] {
			if n-first == 10 {
				first += 5
				if len(se.turns[first-1].Proposals) > 0 {
					told++
				}
			}
			if want := prompt.AgentHistory("", se.turns, first, n, 1); !reflect.DeepEqual(req.Messages, want) {
				t.Fatalf("event %d from %d on: the agent is sent\n%v\nwant\n%v", n, first, req.Messages, want)
			}
		}
		if first == 0 || told == 0 {
			t.Errorf("the window starts at %d, %d times after a verdict", first, told)
		}
	}
}

// TestBoundedSessionsEnd: a stand-in reaches its goal whatever its user forgets,
// and with a summary after the very activities that it would have taken.
func TestBoundedSessionsEnd(t *testing.T) {
	l := limits
	l.MaxEvents = 2000
	m := sim.New(llm.Model{Name: "sim", Provider: llm.Sim, Params: llm.Params{Skill: 0.8}})
	for _, h := range []*plan.History{nil, {Keep: plan.HistoryWindow, Exchanges: 2}, {Keep: plan.HistorySummary, Exchanges: 2}, {Keep: plan.HistorySummary, Exchanges: 6}} {
		l.History = h
		longest := 0
		for root := range uint64(40) {
			se := newSession(l, &workshop, cast{m, m, m}, draws{rng: seed.New(root), repairs: 5})
			end, err := se.run(t.Context())
			if err != nil || end != endGoal {
				t.Fatalf("%+v, session %d ended %q after %d events, %v", h, root, end, len(se.turns), err)
			}
			activities := se.last().Activity + 1
			longest = max(longest, activities)
			if (h == nil || h.Keep == plan.HistorySummary) && (activities < 3 || activities > 6) {
				t.Errorf("%+v, session %d took %d activities, want 3 to 6", h, root, activities)
			}
		}
		t.Logf("%+v: at most %d activities", h, longest)
	}
}

// TestFailedSummaryFailsTheRow: it is an answer like any other.
func TestFailedSummaryFailsTheRow(t *testing.T) {
	l := limits
	l.History = &plan.History{Keep: plan.HistorySummary, Exchanges: 2}
	s := calm().with("activity", always(act)).with("summary", always(`{"summary":" "}`))
	_, _, err := playScene(t, s, l)
	if f, ok := err.(*failure); !ok || f.Cause != "user: no valid summary" || f.Raw != `{"summary":" "}` {
		t.Errorf("%v", err)
	}
}
