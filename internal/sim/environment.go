package sim

import (
	"math"
	"strings"

	"github.com/gymline/gymline/internal/prompt"
)

// events turns the person's activity into what can be observed: the activity
// itself, and then what follows from it.
func (c *call) events() prompt.Events {
	news := c.question()
	act := labelled(news, prompt.Person)
	trouble := strings.Contains(news, prompt.Trouble)
	scene, _ := c.told()
	around := things(scene, prompt.Things)
	k := kitOf(labelled(scene, prompt.Surroundings), around)

	main, other := c.pair(around)
	for _, t := range around {
		if t != main && strings.Contains(act, t) {
			main, other = t, main
			break
		}
	}
	topic := topicOf(act, around)
	slots := []string{"entity", main, "other", other, "topic", topic, "name", bare(topic), "id", identifier(bare(topic)), "file", slug(bare(topic))}
	write := func(form string) string {
		return fill(form, append(slots, "error", fill(c.one(k.errors), slots...))...)
	}

	first := prompt.Event{Text: thirdPerson(act), Actor: "user", Entities: c.change(main, k.states, slots)}
	if first.Text == "" {
		first.Text = write(c.one(k.steps))
	}
	out := []prompt.Event{first}
	more := c.rng.IntN(3)
	if trouble {
		more = max(more, 1)
	}
	for i := range more {
		e := prompt.Event{Actor: "user", Entities: []prompt.Entity{}}
		switch {
		case trouble && i == more-1:
			e = prompt.Event{Text: write(c.one(k.failures)), Actor: "environment", Failure: true, Entities: c.change(main, k.troubles, slots)}
		case c.chance(0.1):
			e.Text, e.Actor = write(c.one(notices)), "environment"
		case c.chance(0.3):
			e.Text = write(c.one(k.repeats))
		default:
			e.Text, e.Entities = write(c.one(k.steps)), c.change(main, k.states, slots)
		}
		out = append(out, e)
	}
	for i := range out {
		out[i].Seconds = c.seconds(out[i].Actor)
	}
	return prompt.Events{Events: out}
}

// topicOf is what an activity is about, besides the names of things.
func topicOf(act string, around []string) string {
	if q := quotes(act); len(q) > 0 {
		act = q[0]
	}
	for _, t := range around {
		act = strings.ReplaceAll(act, t, ",")
	}
	if s := subject(act); s != "" {
		return the(s)
	}
	return "the task"
}

// seconds draws a time between events: people take longer than programs.
func (c *call) seconds(actor string) float64 {
	mean := 25.0
	if actor != "user" {
		mean = 4
	}
	return math.Round(10*max(0.3, c.rng.ExpFloat64()*mean)) / 10
}

// thirdPerson turns "I open the file and look for it." into "The user opens the
// file and looks for it.".
func thirdPerson(act string) string {
	rest, ok := strings.CutPrefix(act, "I ")
	if !ok {
		return act
	}
	fields := strings.Fields(rest)
	quoted := false
	for i, w := range fields {
		if !quoted && (i == 0 || fields[i-1] == "and") {
			if i == 0 || verbs[stem(strings.ToLower(w))] {
				fields[i] = conjugate(w)
			}
		}
		if !quoted && w == "my" {
			fields[i] = "their"
		}
		if strings.Count(w, "'")%2 == 1 {
			quoted = !quoted
		}
	}
	return "The user " + strings.Join(fields, " ")
}

func conjugate(verb string) string {
	switch {
	case verb == "have":
		return "has"
	case verb == "am":
		return "is"
	case strings.HasSuffix(verb, "y") && len(verb) > 1 && !strings.ContainsRune("aeiou", rune(verb[len(verb)-2])):
		return verb[:len(verb)-1] + "ies"
	case strings.HasSuffix(verb, "ch"), strings.HasSuffix(verb, "sh"), strings.HasSuffix(verb, "ss"), strings.HasSuffix(verb, "x"), strings.HasSuffix(verb, "o"):
		return verb + "es"
	}
	return verb + "s"
}

// change says that a thing now is in one of the states.
func (c *call) change(name string, states, slots []string) []prompt.Entity {
	return []prompt.Entity{{Name: name, State: fill(c.one(states), slots...)}}
}

// result answers an operation of the agent's; one in ten does not work.
func (c *call) result() prompt.Result {
	news := c.question()
	made := labelled(news, prompt.AssistantCall)
	name, _, _ := strings.Cut(made, "(")
	topic := about(labelled(news, prompt.AssistantTask), true).topic
	scene, _ := c.told()
	main, _ := c.pair(things(scene, prompt.Things))
	slots := []string{"call", name, "topic", topic, "name", bare(topic), "entity", main}

	r := prompt.Result{OK: !c.chance(0.1), Seconds: c.seconds("agent"), Entities: []prompt.Entity{}}
	form, answer := c.one(operationEvents), c.one(operationResults)
	if !r.OK {
		form, answer = c.one(brokenEvents), c.one(brokenResults)
	} else if c.chance(0.5) {
		r.Entities = c.change(main, operationStates, slots)
	}
	r.Text, r.Result = fill(form, slots...), fill(answer, slots...)
	return r
}

var (
	notices = []string{
		"A notification from {other} appears: 'You have 2 unread messages'.",
		"A reminder pops up on top of {entity}: 'Call at half past'.",
		"{other} shows that an update is ready to install.",
		"An e-mail arrives with the subject 'Notes on {name}'.",
	}
	operationEvents = []string{
		"The agent runs {call} for {topic} and shows the outcome in {entity}.",
		"The agent calls {call} for {topic}, which succeeds.",
		"The agent uses {call} and adds a summary of {topic} to {entity}.",
	}
	operationResults = []string{
		"Done: 3 passages on {name}.", "Done: the entry on {name} was updated.", "Found two matches for {name}; the first was used.", "Saved.",
	}
	operationStates = []string{"updated for {topic}", "shows what the agent found on {topic}", "holds a summary of {topic}"}
	brokenEvents    = []string{
		"The agent tries {call} for {topic}, which stops with an error.",
		"The agent calls {call} for {topic}, but gets no answer.",
	}
	brokenResults = []string{"Error: no such item.", "Error: timed out after 30 s.", "Error: access denied."}
)
