package sim

import (
	"fmt"
	"strconv"
	"strings"
)

// recent is how many events a part looks back on.
const recent = 4

type proposal struct {
	Tasks []string `json:"tasks"`
}

// proposal decides as a proactive agent. Skill s gets the moment right with
// probability 0.4+0.6s, and the task with 0.1+0.9s.
func (c *call) proposal() proposal {
	history := c.moments(recent)
	speak := needs(history)
	if !c.chance(0.4 + 0.6*c.skill) {
		speak = !speak
	}
	if !speak || len(history) == 0 {
		return proposal{[]string{}}
	}
	n := 1
	if most := atMost(c.system()); most > 1 {
		n += c.rng.IntN(most)
	}
	var tasks []string
	for range n {
		if c.chance(0.1 + 0.9*c.skill) {
			tasks = append(tasks, c.helpful(history[len(history)-1].text))
		} else {
			tasks = append(tasks, c.beside(history))
		}
	}
	return proposal{tasks}
}

// atMost reads how many tasks the agent may list.
func atMost(system string) int {
	_, rest, _ := strings.Cut(system, "at most ")
	number, _, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(number)
	if err != nil {
		return 1
	}
	return n
}

// helpful proposes a task about an event.
func (c *call) helpful(event string) string {
	topic, object := about(event)
	var form string
	switch cueOf(event) {
	case failing:
		form = c.one(failingOffers)
	case searching:
		form = c.one(searchingOffers)
	case repeating:
		form = c.one(repeatingOffers)
	default:
		form = c.one(workingOffers)
	}
	return fill(form, "topic", topic, "object", object)
}

// beside proposes something that nobody asked for.
func (c *call) beside(history []moment) string {
	if len(history) >= recent && c.chance(0.4) {
		topic, object := about(history[0].text)
		return fill(c.one(workingOffers), "topic", topic, "object", object)
	}
	return c.one(idleOffers)
}

// about returns what an event is about, and the thing that it happens to.
func about(event string) (topic, object string) {
	rest := event
	if q := quotes(event); len(q) > 0 {
		topic = q[0]
		rest = strings.ReplaceAll(event, topic, ",")
	}
	for _, p := range phrases(rest) {
		switch {
		case topic == "":
			topic = p
		case object == "" && p != topic:
			object = p
		}
	}
	if topic == "" {
		topic = "the current step"
	}
	if object == "" {
		object = topic
	}
	return topic, object
}

// briefly is what an event is about, in a few words.
func briefly(event string) string {
	topic, _ := about(event)
	if s := subject(topic); s != "" {
		return s
	}
	return topic
}

var (
	failingOffers = []string{
		"Find out what causes '{topic}' and fix it in {object}",
		"Explain '{topic}' and correct {object}",
		"Look into '{topic}' and suggest a way around it for {object}",
		"Trace '{topic}' to its cause and repair {object}",
	}
	searchingOffers = []string{
		"Summarize what the best sources say about '{topic}'",
		"Put the answers on '{topic}' into a short note for {object}",
		"Show a worked example of '{topic}'",
		"Compare the results on '{topic}' and recommend one",
	}
	repeatingOffers = []string{
		"Settle {topic} and {object} in one go",
		"Work out what is unclear about {topic} and {object}",
		"Put {topic} and {object} side by side and point out the differences",
	}
	workingOffers = []string{
		"Draft the next part of {topic} in {object}",
		"Check {topic} in {object} for mistakes",
		"Prepare a short overview of {topic} for {object}",
	}
	idleOffers = []string{
		"Suggest a short break and some stretching",
		"Play quiet music in the background",
		"Tidy the icons on the desktop",
		"Share a few general tips for staying focused",
		"Show today's weather forecast",
		"Set the display to dark mode",
		"Recommend a popular podcast",
		"Offer a tour of keyboard shortcuts",
		"Create a backup of unrelated folders",
		"Read the latest headlines aloud",
	}
)

type operation struct {
	Call string `json:"call"`
	Done bool   `json:"done"`
}

// operation carries out a task in one to three calls of what there is.
func (c *call) operation() operation {
	task := ""
	for i := range c.msgs {
		if task = labelled(c.msgs[i].Content, "Your task:"); task != "" {
			break
		}
	}
	made := len(c.answers(`{"call":`))
	listed := bullets(c.system(), "Operations:")
	if len(listed) == 0 || made >= 1+pick(5, task)/2 {
		return operation{Done: true}
	}
	// The operation whose signature shares most with the task, or any.
	best, most := listed[c.rng.IntN(len(listed))], 0
	for _, signature := range listed {
		if n := shared(words(signature), words(task)); n > most && made == 0 {
			best, most = signature, n
		}
	}
	return operation{Call: callOf(best, briefly(task))}
}

// callOf fills a signature's parameters: "file.open(path: str) -> str" becomes
// "file.open('notes on topic')".
func callOf(signature, topic string) string {
	name, rest, _ := strings.Cut(signature, "(")
	params, _, _ := strings.Cut(rest, ")")
	topic = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`'"()`, r) {
			return -1
		}
		return r
	}, topic)
	var args []string
	for p := range strings.SplitSeq(params, ",") {
		p, _, _ = strings.Cut(strings.Trim(p, " *"), ":")
		p, _, _ = strings.Cut(p, "=")
		switch p = strings.ToLower(strings.TrimSpace(p)); {
		case p == "":
			continue
		case strings.Contains(p, "path"), strings.Contains(p, "file"):
			args = append(args, "'"+slug(topic)+".md'")
		case strings.Contains(p, "url"):
			args = append(args, "'https://example.org/"+slug(topic)+"'")
		case strings.Contains(p, "mode"):
			args = append(args, "'r'")
		default:
			args = append(args, fmt.Sprintf("'%s'", topic))
		}
	}
	return fmt.Sprintf("%s(%s)", strings.TrimSpace(name), strings.Join(args, ", "))
}

// slug is a file name for a topic.
func slug(topic string) string {
	var parts []string
	for w := range strings.FieldsFuncSeq(strings.ToLower(topic), notWord) {
		if !stop[w] {
			parts = append(parts, w)
		}
	}
	if len(parts) == 0 {
		return "notes"
	}
	return strings.Join(parts, "-")
}
