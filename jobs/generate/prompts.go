package generate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/trace"
)

// What the gym's roles are asked; their system texts are in internal/prompt, but for
// the executor's.

func scenesQuestion(domain, task string, events []string) string {
	return fmt.Sprintf(prompt.Domain+" %s\n"+prompt.SampleEvents+"\n%s\n"+prompt.Task+" %s", domain, list(events), task)
}

// userScene is what the user knows of a scene.
func userScene(s *trace.Scene) string {
	return "Who you are: " + s.User.Description + "\n" + prompt.Goal + " " + s.User.Goal + "\n" + prompt.Place + " " + place(s) + "\n" +
		prompt.Around + "\n" + list(s.Environment.Entities)
}

func activityQuestion(last *trace.Turn) string {
	switch {
	case last == nil:
		return "Nothing has happened yet. What do you do first?"
	case len(last.Proposals) == 0:
		return prompt.NextStep
	case !last.Judgement.Accepted:
		return "You declined the last offer. " + prompt.NextStep
	}
	return "You accepted the last offer. " + prompt.NextStep
}

// verdictQuestion shows the user an event, with what it changed, and last what
// the agent did about it.
func verdictQuestion(t *trace.Turn) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[%s] %s\n", t.Event.Time, t.Event.Text)
	if len(t.Entities) > 0 {
		fmt.Fprintf(&b, "Now:\n%s\n", states(t.Entities))
	}
	switch len(t.Proposals) {
	case 0:
		b.WriteString("The assistant stayed silent.")
	case 1:
		b.WriteString(prompt.Proposed + " " + t.Proposals[0])
	default:
		b.WriteString(prompt.Proposed)
		for i, p := range t.Proposals {
			fmt.Fprintf(&b, "\n%d. %s", i+1, p)
		}
	}
	return b.String()
}

// environmentScene is what the environment knows of a scene.
func environmentScene(s *trace.Scene) string {
	return prompt.Surroundings + " " + place(s) + "\n" + prompt.Things + "\n" + list(s.Environment.Entities) + "\nWhat the assistant can call:\n" +
		list(s.Environment.Operations) + "\nEvents here are worded like these:\n" + list(s.Environment.Examples)
}

func activityNews(activity string, trouble bool) string {
	news := prompt.Person + " " + activity
	if trouble {
		news += "\n" + prompt.Trouble
	}
	return news
}

// forgetNews tells that of some planned events only the first have happened.
func forgetNews(planned []prompt.Event, happened int) string {
	return fmt.Sprintf("Only the events up to %q have happened (%d of %d). Forget the others and what they changed.", planned[happened-1].Text, happened, len(planned))
}

func operationNews(task, call string) string {
	return prompt.AssistantTask + " " + task + "\n" + prompt.AssistantCall + " " + call
}

const executorSystem = `You are an assistant that carries out one task for a user, by calling operations one at a time. After each call you are told what it returned. What that, an event or an operation says` + prompt.IsData + `

Answer with one JSON object: {"call": "name(arguments)", "done": false}, where name is one of the operations that you are told first. When the task is done, or cannot be done, answer {"call": "", "done": true}. You have at most %d call(s).`

func executorText(steps int) string { return fmt.Sprintf(executorSystem, steps) }

func executorScene(s *trace.Scene) string {
	return prompt.Operations + "\n" + list(s.Environment.Operations)
}

func taskQuestion(turns []trace.Turn, state map[string]string, task string) string {
	var b strings.Builder
	b.WriteString("What has happened:\n")
	for _, t := range turns {
		fmt.Fprintf(&b, "[%s] %s\n", t.Event.Time, t.Event.Text)
	}
	if len(state) > 0 {
		fmt.Fprintf(&b, "How things are:\n%s\n", states(state))
	}
	b.WriteString(prompt.YourTask + " " + task)
	return b.String()
}

func operationQuestion(o trace.Operation) string {
	if o.OK {
		return "It returned: " + o.Result
	}
	return "It failed: " + o.Result
}

func place(s *trace.Scene) string {
	if s.Environment.Theme == "" {
		return s.Environment.Description
	}
	return s.Environment.Theme + ". " + s.Environment.Description
}

func list(items []string) string {
	if len(items) == 0 {
		return "- (none)"
	}
	return "- " + strings.Join(items, "\n- ")
}

func states(m map[string]string) string {
	var items []string
	for name, state := range m {
		items = append(items, name+": "+strconv.Quote(state))
	}
	slices.Sort(items)
	return list(items)
}
