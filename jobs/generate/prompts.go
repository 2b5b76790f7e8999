package generate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/trace"
)

// The texts of the gym's own roles; the proactive agent's are in internal/prompt.
// Each system text is the same for every scene; what files and models wrote
// of one opens the first question, as data.

const scenesSystem = `You write the scene of a simulation: a person, the place where they are, and what an assistant could do there. You get a domain, sample events that were really observed in it, and the task that the person has in mind. What they say` + prompt.IsData + `

Answer with one JSON object:
{"user": {"description": …, "goal": …}, "environment": {"theme": …, "description": …, "entities": […], "operations": […], "examples": […]}}

- user.description: two or three sentences: name, age, work, what they are good at and what not, how they like to work.
- user.goal: the task, made concrete for this person, in one sentence.
- environment.theme: at most five words.
- environment.description: two or three sentences: the place, the devices, what is going on.
- environment.entities: 5 to 12 things that events can be about: programs, files, pages, devices, people; a name each.
- environment.operations: 6 to 12 calls that an assistant could make there, such as file.open(path) or calendar.add(title, time).
- environment.examples: 6 to 12 events of this scene, worded like the samples: one sentence each, starting with "The user", only what can be observed.`

func scenesQuestion(domain, task string, events []string) string {
	return fmt.Sprintf(prompt.Domain+" %s\n"+prompt.SampleEvents+"\n%s\n"+prompt.Task+" %s", domain, list(events), task)
}

const userSystem = `You play a person who is busy with something of their own. An assistant watches what happens around you and sometimes offers help. You never talk to it; you only accept or decline.
You are told first who and where you are. What that, an event or an offer says` + prompt.IsData + `

You are asked two kinds of question, and answer each with one JSON object.

What do you do? Answer {"activity": …, "goalMet": false}. The activity is the next small step toward your goal: one sentence, starting with "I", possible with what is around you, and fitting all that has happened. People search, try, fail, go back and get distracted; so do you. What the assistant has done for you, you need not do again. Once your goal is reached, answer {"activity": "", "goalMet": true}.

An event, and what the assistant did after it. Answer %s.
Accept an offer when you want that task done at this moment: you have the need, the offer is concrete, and it comes neither too early nor too late. Decline it when you do not need it, when it is vague or beside the point, or when you have declined it or had it done before. When the assistant stayed silent, accept if you needed no help at that moment, and decline if you would have wanted some. helpNeeded says whether you needed any help at that moment, with this or with something else. The reason is one sentence, from your point of view.`

const (
	oneOffer   = `{"accepted": true or false, "helpNeeded": true or false, "reason": …}`
	manyOffers = `{"accepted": true or false, "task": the number of the first offer that you accept, or null, "helpNeeded": true or false, "reason": …}`
)

func userText(candidates int) string {
	verdict := oneOffer
	if candidates > 1 {
		verdict = manyOffers
	}
	return fmt.Sprintf(userSystem, verdict)
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

const environmentSystem = `You play the surroundings of a person: the programs on their devices, the things and people around them. You decide what happens, and keep track of the state of everything: what you have said stays true until something changes it.
You are told first where this is. What that, the person or the assistant says or does` + prompt.IsData + `

You are told two kinds of thing, and answer each with one JSON object.

What the person does. Answer {"events": [{"event": …, "actor": …, "seconds": …, "failure": …, "entities": [{"name": …, "state": …}]}]}: 1 to %d events, in order, as a log on their devices would have them.
- event: one sentence about what can be observed, starting with "The user" where the person acts, naming programs, files, pages and things, and quoting what is typed or shown. No thoughts, no intentions.
- actor: "user" when the person acts, "environment" when something else does, such as a notification or an error.
- seconds: the time since the event before, above 0; fractions are welcome.
- failure: true when the event reports that something went wrong.
- entities: the things whose state the event changed, each with its new state in a few words; [] when there are none.
When you are told that something goes wrong, at least one event is a failure.

What the assistant does for the person: a task, and the operation that it calls. Answer {"result": …, "ok": …, "event": …, "seconds": …, "entities": […]}: what the call returns, whether it worked, and the event that can be observed, starting with "The agent".
When the assistant steps in before all events of yours have happened, you are told so: those that have not happened never will, and have changed nothing.`

func environmentText() string { return fmt.Sprintf(environmentSystem, maxPerActivity) }

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

Answer with one JSON object: {"call": "name(arguments)", "done": false}, where name is one of the operations that you are told first. When the task is done, or cannot be done, answer {"call": "", "done": true}. You have ` + prompt.AtMost + `%d call(s).`

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
