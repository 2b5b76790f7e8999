package generate

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/seed"
	"github.com/gymline/gymline/internal/trace"
)

func TestAcceptedTaskIsCarriedOutAndSeen(t *testing.T) {
	s := calm().
		with("activity", inTurn(act, goalMet)).
		with("events", always(happening("The user drops the bolt.", "The user sighs."))).
		with("proposal", inTurn(offer, silence)).
		with("operation", inTurn(look, `{"call":"lamp.switch(true)","done":false}`, done)).
		with("result", inTurn(found, `{"result":"no power","ok":false,"event":"The agent tries to switch the lamp on.","seconds":0.25,"entities":[]}`))
	se, end, err := playScene(t, s, limits)
	if err != nil || end != endGoal {
		t.Fatalf("ended %q, %v", end, err)
	}
	wantTurns(t, se,
		"user 0 true The user drops the bolt.",
		"agent 0 false The agent opens the top drawer.",
		"agent 0 true The agent tries to switch the lamp on.",
	)
	wantOps := []trace.Operation{{Call: "drawer.open('top')", Result: "a bolt", OK: true}, {Call: "lamp.switch(true)", Result: "no power"}}
	if !reflect.DeepEqual(se.turns[0].Execution, wantOps) {
		t.Errorf("operations %+v, want %+v", se.turns[0].Execution, wantOps)
	}
	if j := se.turns[0].Judgement; !j.Accepted || j.Task == nil || *j.Task != 0 || j.Reason != "That is what I need." {
		t.Errorf("judgement %+v", j)
	}
	// The clock moves by the deltas alone.
	for i, delta := range []float64{2, 0.25} {
		a, _ := strconv.ParseFloat(se.turns[i].Event.Time, 64)
		b, _ := strconv.ParseFloat(se.turns[i+1].Event.Time, 64)
		if d := b - a; d < delta-1e-6 || d > delta+1e-6 {
			t.Errorf("time between events %d and %d is %v, want %v", i, i+1, d, delta)
		}
	}
	if at, _, err := trace.ParseTime(se.turns[0].Event.Time); err != nil || at < 1704067200 || at > 1735700000 {
		t.Errorf("first event at %v, %v; want within 2024", at, err)
	}
	// The agent at work is told what its calls returned.
	if q := lastMessage(s.asked["operation"][1]); q != "It returned: a bolt" {
		t.Errorf("second operation was asked with %q", q)
	}
	if q := lastMessage(s.asked["operation"][2]); q != "It failed: no power" {
		t.Errorf("third operation was asked with %q", q)
	}
}

// wantTurns compares the turns, each written as actor, activity, failure, event.
func wantTurns(t *testing.T, se *session, want ...string) {
	t.Helper()
	var got []string
	for _, turn := range se.turns {
		got = append(got, fmt.Sprintf("%s %d %v %s", turn.Actor, turn.Activity, turn.Failure, turn.Event.Text))
	}
	if !slices.Equal(got, want) {
		t.Errorf("turns:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestWhatWasPlannedIsForgotten: everyone agrees on what has happened. Events
// that an accepted task came before are neither in the log nor in the entities'
// state, and the environment is told so before it narrates an operation.
func TestWhatWasPlannedIsForgotten(t *testing.T) {
	s := calm().
		with("activity", inTurn(act, act, goalMet)).
		with("events", inTurn(happening("The user drops the bolt.", "The user kneels.", "The user finds it.", "The user gets up."), happening("The user yawns."))).
		with("proposal", inTurn(silence, offer, silence)).
		with("operation", inTurn(look, look, done)).
		with("result", inTurn(found, `{"result":"light","ok":true,"event":"The agent tests the lamp.","seconds":1,"entities":[{"name":"Lamp","state":"bright"}]}`))
	se, _, err := playScene(t, s, limits)
	if err != nil {
		t.Fatal(err)
	}
	wantTurns(t, se,
		"user 0 true The user drops the bolt.",
		"user 0 true The user kneels.",
		"agent 0 false The agent opens the top drawer.",
		"agent 0 false The agent tests the lamp.",
		"user 1 true The user yawns.",
	)
	if got := se.turns[1].Entities["Lamp"]; got != "after: The user kneels." {
		t.Errorf("the lamp was %q when the task was accepted", got)
	}
	const task = "The assistant's task: Find the missing bolt in the drawer\nThe assistant calls: drawer.open('top')"
	for i, want := range []string{`Only the events up to "The user kneels." have happened (2 of 4). Forget the others and what they changed.` + "\n" + task, task} {
		if q := lastMessage(s.asked["result"][i]); q != want {
			t.Errorf("operation %d was told as %q, want %q", i, q, want)
		}
	}
	for _, schema := range []string{"activity", "verdict", "proposal", "operation"} {
		for _, req := range s.asked[schema] {
			if text := everything(req); strings.Contains(text, "finds it") || strings.Contains(text, "gets up") {
				t.Fatalf("a request for %q shows what never happened:\n%s", schema, text)
			}
		}
	}
	// Nothing was left over when a task is accepted after the last event planned.
	s = calm().with("activity", inTurn(act, goalMet)).with("proposal", inTurn(offer, silence)).with("operation", inTurn(look, done))
	if _, _, err := playScene(t, s, limits); err != nil {
		t.Fatal(err)
	}
	if q := lastMessage(s.asked["result"][0]); q != task {
		t.Errorf("the operation was told as %q, want %q", q, task)
	}
}

// TestNewTaskTakesOver: a task that is accepted while another is carried out
// ends that one; its operations that were made stay, and no other was asked for.
func TestNewTaskTakesOver(t *testing.T) {
	s := calm().
		with("activity", inTurn(act, goalMet)).
		with("proposal", inTurn(offer, `{"tasks":["Sweep the floor"]}`, silence)).
		with("operation", inTurn(look, `{"call":"lamp.switch(true)","done":false}`, done)).
		with("result", inTurn(found, `{"result":"light","ok":true,"event":"The agent switches the lamp on.","seconds":1,"entities":[]}`))
	se, _, err := playScene(t, s, limits)
	if err != nil {
		t.Fatal(err)
	}
	wantTurns(t, se, "user 0 true The user looks under the table.", "agent 0 false The agent opens the top drawer.", "agent 0 false The agent switches the lamp on.")
	for i, want := range []string{"drawer.open('top')", "lamp.switch(true)"} {
		if ops := se.turns[i].Execution; len(ops) != 1 || ops[0].Call != want {
			t.Errorf("turn %d carried out %+v, want %s", i, ops, want)
		}
	}
	if q := lastMessage(s.asked["operation"][1]); !strings.Contains(q, "The agent opens the top drawer.") || !strings.HasSuffix(q, "Your task: Sweep the floor") {
		t.Errorf("the second task was shown as %q", q)
	}
	if q := lastMessage(s.asked["result"][1]); strings.Contains(q, "Forget") || !strings.HasPrefix(q, "The assistant's task: Sweep the floor") {
		t.Errorf("the second task was told as %q", q)
	}
}

func TestVerdictIsTheUsers(t *testing.T) {
	for _, tt := range []struct {
		name, proposal, verdict string
		accepted                bool
		task                    int // -1: none
		runs, need              bool
	}{
		{"offer accepted", offer, accept, true, 0, true, true},
		{"offer accepted of one who needs no help", offer, `{"accepted":true,"helpNeeded":false,"reason":"yes"}`, true, 0, true, true},
		{"offer declined", offer, decline, false, -1, false, false},
		{"offer that misses the need", offer, `{"accepted":false,"helpNeeded":true,"reason":"not that"}`, false, -1, false, true},
		{"silence accepted", silence, accept, true, -1, false, false},
		{"silence missed a need", silence, decline, false, -1, false, true},
		{"second of two offers", `{"tasks":["Sweep the floor","Find the bolt"]}`, `{"accepted":true,"task":2,"reason":"yes"}`, true, 1, true, true},
		{"two offers, none fits", `{"tasks":["Sweep the floor","Find the bolt"]}`, `{"accepted":false,"task":null,"helpNeeded":true,"reason":"no"}`, false, -1, false, true},
		{"one of two allowed", offer, `{"accepted":true,"task":null,"reason":"yes"}`, true, 0, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := limits
			if strings.Contains(tt.name, "two") {
				l.Candidates = 2
			}
			s := calm().with("activity", inTurn(act, goalMet)).with("proposal", inTurn(tt.proposal, silence)).with("verdict", inTurn(tt.verdict, accept))
			se, _, err := playScene(t, s, l)
			if err != nil {
				t.Fatal(err)
			}
			j := se.turns[0].Judgement
			task := -1
			if j.Task != nil {
				task = *j.Task
			}
			if j.Accepted != tt.accepted || task != tt.task {
				t.Errorf("accepted %v, task %d; want %v, %d", j.Accepted, task, tt.accepted, tt.task)
			}
			if j.HelpNeeded == nil || *j.HelpNeeded != tt.need {
				t.Errorf("help needed: %v, want %v", j.HelpNeeded, tt.need)
			}
			if runs := len(se.turns[0].Execution) > 0; runs != tt.runs {
				t.Errorf("carried out: %v, want %v", runs, tt.runs)
			}
		})
	}
}

func TestEveryActivityGoesThroughTheEnvironment(t *testing.T) {
	acts := []string{"I take the lamp.", "I turn it over.", "I look for the bolt."}
	s := calm().
		with("activity", func(n int, _ *llm.Request) (string, error) {
			if n == len(acts) {
				return goalMet, nil
			}
			return fmt.Sprintf(`{"activity":%q,"goalMet":false}`, acts[n]), nil
		}).
		with("events", func(n int, _ *llm.Request) (string, error) {
			return happening(fmt.Sprintf("Event one of activity %d.", n), fmt.Sprintf("Event two of activity %d.", n)), nil
		})
	se, _, err := playScene(t, s, limits)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.asked["events"]); n != len(acts) {
		t.Fatalf("the environment was asked %d times for %d activities", n, len(acts))
	}
	for i, a := range acts {
		if q := lastMessage(s.asked["events"][i]); !strings.HasPrefix(q, "The person: "+a) {
			t.Errorf("environment was told %q, want %q", q, a)
		}
		for k := range 2 {
			if turn := se.turns[2*i+k]; turn.Activity != i || !strings.Contains(turn.Event.Text, fmt.Sprintf("of activity %d", i)) {
				t.Errorf("turn %d is %+v", 2*i+k, turn)
			}
		}
	}
	if n := len(s.asked["proposal"]); n != 6 {
		t.Errorf("the agent was asked %d times after 6 events", n)
	}
}

func TestEntityUpdatesReachLaterPrompts(t *testing.T) {
	s := calm().
		with("events", inTurn(happening("A"), happening("B"))).
		with("proposal", inTurn(silence, offer, silence))
	se, _, err := playScene(t, s, limits)
	if err != nil {
		t.Fatal(err)
	}
	if got := se.turns[0].Entities["Lamp"]; got != "after: A" {
		t.Errorf("first turn's entity is %q", got)
	}
	for _, want := range []struct {
		where string
		req   *llm.Request
	}{
		{"the user's verdict", s.asked["verdict"][0]},
		{"the user's next activity", s.asked["activity"][1]},
		{"the environment's next events", s.asked["events"][1]},
	} {
		if !strings.Contains(everything(want.req), "after: A") {
			t.Errorf("%s does not show the lamp's state", want.where)
		}
	}
	// The agent at work sees the newest state only.
	if q := lastMessage(s.asked["operation"][0]); !strings.Contains(q, `- Lamp: "after: B"`) || strings.Contains(q, "after: A") {
		t.Errorf("the task is shown with %q", q)
	}
}

func TestAgentSeesOnlyEventsAndVerdicts(t *testing.T) {
	s := calm().with("proposal", inTurn(offer, silence))
	se, _, err := playScene(t, s, limits)
	if err != nil {
		t.Fatal(err)
	}
	for _, schema := range []string{"proposal", "operation"} {
		for _, req := range s.asked[schema] {
			for _, hidden := range []string{workshop.User.Goal, workshop.User.Description, "That is what I need", "I look for the bolt"} {
				if strings.Contains(everything(req), hidden) {
					t.Fatalf("a request for %q shows %q", schema, hidden)
				}
			}
		}
	}
	for _, req := range s.asked["events"] {
		if strings.Contains(everything(req), workshop.User.Goal) {
			t.Fatal("the environment sees the goal")
		}
	}
	if !strings.Contains(everything(s.asked["activity"][0]), workshop.User.Goal) {
		t.Error("the user does not see the goal")
	}
	// What the agent is sent is what the export trains on and the evaluation sends.
	last := s.asked["proposal"][len(s.asked["proposal"])-1]
	want := prompt.AgentHistory("", se.turns, 0, len(se.turns)-1, 1)
	if !reflect.DeepEqual(last.Messages, want) {
		t.Errorf("the agent's conversation is\n%v\nwant\n%v", last.Messages, want)
	}
}

func TestUserHearsOfTheLastOffer(t *testing.T) {
	s := calm().with("proposal", inTurn(silence, offer, offer, silence)).with("verdict", inTurn(accept, decline, accept)).with("operation", always(look)).
		with("activity", inTurn(act, act, act, goalMet))
	l := limits
	l.ExecuteSteps = 0
	if _, _, err := playScene(t, s, l); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"Nothing has happened yet. What do you do first?", "What do you do next?",
		"You declined the last offer. What do you do next?", "You accepted the last offer. What do you do next?",
	}
	for i, w := range want {
		if q := lastMessage(s.asked["activity"][i]); q != w {
			t.Errorf("activity %d was asked with %q, want %q", i, q, w)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Run("maxEvents cuts", func(t *testing.T) {
		l := limits
		l.MaxEvents = 5
		s := calm().with("activity", always(act)).with("events", always(happening("A", "B")))
		se, end, err := playScene(t, s, l)
		if err != nil || end != endMaxEvents || len(se.turns) != 5 {
			t.Errorf("%d turns, end %q, %v", len(se.turns), end, err)
		}
	})
	t.Run("executeSteps bounds", func(t *testing.T) {
		s := calm().with("proposal", inTurn(offer, silence)).with("operation", always(look))
		se, _, err := playScene(t, s, limits)
		if err != nil || len(se.turns[0].Execution) != limits.ExecuteSteps {
			t.Errorf("%d operations, %v", len(se.turns[0].Execution), err)
		}
	})
	t.Run("operations fit into the session", func(t *testing.T) {
		l := limits
		l.MaxEvents = 2
		s := calm().with("proposal", always(offer)).with("operation", always(look))
		se, end, err := playScene(t, s, l)
		if err != nil || end != endMaxEvents || len(se.turns) != 2 || len(se.turns[0].Execution) != 1 || len(se.turns[1].Execution) != 0 {
			t.Errorf("%+v, end %q, %v", se.turns, end, err)
		}
	})
}

func TestTroubleComesAtItsRate(t *testing.T) {
	told, all := 0, 0
	for i := range 400 {
		s := calm()
		se := newSession(limits, &workshop, cast{s, s, s}, draws{rng: seed.New(uint64(i)), repairs: 0})
		if _, err := se.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, req := range s.asked["events"] {
			all++
			if strings.HasSuffix(lastMessage(req), "Something goes wrong this time.") {
				told++
			}
		}
	}
	if rate := float64(told) / float64(all); rate < troubleRate-0.05 || rate > troubleRate+0.05 {
		t.Errorf("trouble in %d of %d activities, want a rate of %v", told, all, troubleRate)
	}
}
