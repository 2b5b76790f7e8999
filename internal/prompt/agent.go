// Package prompt holds the texts that more than one job sends, and the shapes of
// answers: the texts of the proactive agent, which the gym, the export and the
// evaluation must share to the letter, and the judge's. Texts are laid out for
// prefix caching: what is fixed first, history append-only, what changes last.
package prompt

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/trace"
)

// Version changes with any text of this package; it is part of the formats of
// the jobs that send them.
const Version = 2

// Formats is the room for versions in the format of a job that sends these texts:
// its format is layout*Formats + Version, where layout counts the job's own changes.
const Formats = 10

const _ = uint(Formats - 1 - Version) // a version more is not mistaken for another layout

const agentText = `You are a proactive assistant. You watch what a user does on a computer, one event at a time, and decide after each event whether to offer help.

Propose a task only when you can name something concrete that the user needs now, that the events show, and that you can do for them. Stay silent when the user is getting on well, when the need is a guess, or when you have just offered the same thing. An offer that is not wanted costs the user's attention; a need that you miss costs their time. {{.Data}}

{{.Answer}}`

// AgentSystem is the agent's system text when it may propose up to k tasks a turn;
// own is the experiment's, if it has one.
func AgentSystem(own string, k int) string {
	return fill(RoleAgent, own, "MaxTasks", strconv.Itoa(k), "Data", "What an event says"+IsData, "Answer",
		`Answer every event with one JSON object: {"tasks": [...]}. `+AtMost+strconv.Itoa(k)+` task(s), best first, each one sentence that starts with a verb and names the thing it acts on. Answer {"tasks": []} to stay silent.`)
}

// AgentEvent is the user message that shows the agent an event. feedback is what
// the user made of the last proposal ("" when there was none or it is unknown).
func AgentEvent(e trace.Event, feedback string) string {
	var b strings.Builder
	if feedback != "" {
		fmt.Fprintf(&b, "[user] %s\n", feedback)
	}
	fmt.Fprintf(&b, "[%s] %s", e.Time, e.Text)
	return b.String()
}

// AgentAnswer is the agent's message that proposes tasks; none is silence.
func AgentAnswer(tasks []string) string {
	if tasks == nil {
		tasks = []string{}
	}
	return Encode(AgentReply{&tasks})
}

// AgentSchema is the shape of the agent's answers when it may propose up to k
// tasks a turn. Its name is "proposal".
func AgentSchema(k int) *llm.Schema {
	return Schema("proposal", fmt.Sprintf(`{
		"type": "object",
		"properties": {"tasks": {"type": "array", "items": {"type": "string"}, "maxItems": %d}},
		"required": ["tasks"], "additionalProperties": false
	}`, k))
}

// An AgentReply is the agent's decoded answer; see llm.Ask.
type AgentReply struct {
	Tasks *[]string `json:"tasks"`
}

// Check tidies the reply and says what is wrong with it, for repair, given the
// limit k. Tidied, every task is on one line and comes once, and what models
// write for none, such as "null", is gone; see trace.Silence.
func (r *AgentReply) Check(k int) error {
	if r.Tasks == nil {
		return errors.New(`"tasks" is missing`)
	}
	tidy := []string{}
	for _, task := range *r.Tasks {
		task = trace.OneLine(task)
		if !trace.Silence(task) && !slices.Contains(tidy, task) {
			tidy = append(tidy, task)
		}
	}
	r.Tasks = &tidy
	if len(tidy) > k {
		return fmt.Errorf("it lists %d tasks, and the limit is %d", len(tidy), k)
	}
	return nil
}

// Proposals are the tasks of a reply that Check found nothing wrong with, best
// first; none is silence.
func (r *AgentReply) Proposals() []string { return *r.Tasks }

// AgentHistory is the whole conversation up to and including turn n of a trace:
// system text, then event and answer in turn, ending on turn n's event. first is
// the turn that the history starts at (0 for all of it), own the experiment's own text.
func AgentHistory(own string, turns []trace.Turn, first, n, k int) []llm.Message {
	msgs := []llm.Message{{Role: llm.System, Content: AgentSystem(own, k)}}
	for i := first; i <= n; i++ {
		feedback := ""
		if i > first {
			feedback = Feedback(turns[i-1])
		}
		msgs = append(msgs, llm.Message{Role: llm.User, Content: AgentEvent(turns[i].Event, feedback)})
		if i < n {
			msgs = append(msgs, llm.Message{Role: llm.Assistant, Content: AgentAnswer(turns[i].Proposals)})
		}
	}
	return msgs
}

// Feedback is what the agent hears of the user's verdict on a turn's proposals,
// and of several, which one was accepted. Silence gets none, so that the agent
// is never told what it missed.
func Feedback(t trace.Turn) string {
	if len(t.Proposals) == 0 || t.Judgement == nil {
		return ""
	}
	switch n, accepted := len(t.Proposals), t.Judgement.Task; {
	case !t.Judgement.Accepted && n == 1:
		return "declined the offer"
	case !t.Judgement.Accepted:
		return "declined the offers"
	case n == 1 || accepted == nil:
		return "accepted the offer"
	default:
		return "accepted the offer: " + t.Proposals[*accepted]
	}
}
