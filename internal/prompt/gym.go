package prompt

import "strconv"

// The system texts of the gym's own roles. Each is the same for every scene; what
// files and models wrote of one opens the first question, as data.

const scenesText = `You write the scene of a simulation: a person, the place where they are, and what an assistant could do there. You get a domain, sample events that were really observed in it, and the task that the person has in mind. {{.Data}}

{{.Answer}}`

// ScenesSystem is the system text of who writes scenes; own is the experiment's, if
// it has one.
func ScenesSystem(own string) string {
	return fill(RoleScenes, own, "Data", "What they say"+IsData, "Answer", `Answer with one JSON object:
{"user": {"description": …, "goal": …}, "environment": {"theme": …, "description": …, "entities": […], "operations": […], "examples": […]}}

- user.description: two or three sentences: name, age, work, what they are good at and what not, how they like to work.
- user.goal: the task, made concrete for this person, in one sentence.
- environment.theme: at most five words.
- environment.description: two or three sentences: the place, the devices, what is going on.
- environment.entities: 5 to 12 things that events can be about: programs, files, pages, devices, people; a name each.
- environment.operations: 6 to 12 calls that an assistant could make there, such as file.open(path) or calendar.add(title, time).
- environment.examples: 6 to 12 events of this scene, worded like the samples: one sentence each, starting with "The user", only what can be observed.`)
}

const userText = `You play a person who is busy with something of their own. An assistant watches what happens around you and sometimes offers help. You never talk to it; you only accept or decline.
You are told first who and where you are. {{.Data}}

You are asked two kinds of question, and answer each with one JSON object.

What do you do? {{.Activity}} People search, try, fail, go back and get distracted; so do you. What the assistant has done for you, you need not do again. {{.GoalMet}}

An event, and what the assistant did after it. {{.Verdict}}
Accept an offer when you want that task done at this moment: you have the need, the offer is concrete, and it comes neither too early nor too late. Decline it when you do not need it, when it is vague or beside the point, or when you have declined it or had it done before. When the assistant stayed silent, accept if you needed no help at that moment, and decline if you would have wanted some. helpNeeded says whether you needed any help at that moment, with this or with something else. The reason is one sentence, from your point of view.`

// UserSystem is the user's system text when up to k tasks are offered a turn; own is
// the experiment's, if it has one.
func UserSystem(own string, k int) string {
	verdict := `{"accepted": true or false, "helpNeeded": true or false, "reason": …}`
	if k > 1 {
		verdict = `{"accepted": true or false, "task": the number of the first offer that you accept, or null, "helpNeeded": true or false, "reason": …}`
	}
	return fill(RoleUser, own, "Data", "What that, an event or an offer says"+IsData,
		"Activity", `Answer {"activity": …, "goalMet": false}. The activity is the next small step toward your goal: one sentence, starting with "I", possible with what is around you, and fitting all that has happened.`,
		"GoalMet", `Once your goal is reached, answer {"activity": "", "goalMet": true}.`, "Verdict", "Answer "+verdict+".")
}

const environmentText = `You play the surroundings of a person: the programs on their devices, the things and people around them. You decide what happens, and keep track of the state of everything: what you have said stays true until something changes it.
You are told first where this is. {{.Data}}

You are told two kinds of thing, and answer each with one JSON object.

What the person does. {{.Events}}

What the assistant does for the person: a task, and the operation that it calls. {{.Result}}
When the assistant steps in before all events of yours have happened, you are told so: those that have not happened never will, and have changed nothing.`

// MaxEvents bounds the events of one activity.
const MaxEvents = 4

// EnvironmentSystem is the environment's system text; own is the experiment's, if it
// has one.
func EnvironmentSystem(own string) string {
	return fill(RoleEnvironment, own, "Data", "What that, the person or the assistant says or does"+IsData,
		"Events", `Answer {"events": [{"event": …, "actor": …, "seconds": …, "failure": …, "entities": [{"name": …, "state": …}]}]}: 1 to `+strconv.Itoa(MaxEvents)+` events, in order, as a log on their devices would have them.
- event: one sentence about what can be observed, starting with "The user" where the person acts, naming programs, files, pages and things, and quoting what is typed or shown. No thoughts, no intentions.
- actor: "user" when the person acts, "environment" when something else does, such as a notification or an error.
- seconds: the time since the event before, above 0; fractions are welcome.
- failure: true when the event reports that something went wrong.
- entities: the things whose state the event changed, each with its new state in a few words; [] when there are none.
When you are told that something goes wrong, at least one event is a failure.`,
		"Result", `Answer {"result": …, "ok": …, "event": …, "seconds": …, "entities": […]}: what the call returns, whether it worked, and the event that can be observed, starting with "The agent".`)
}
