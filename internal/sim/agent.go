package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/prompt"
)

// recent is how many events a part looks back on.
const recent = 4

// proposal decides as a proactive agent. Skill s gets the moment right with
// probability 1−0.6(1−s)², and the task with 0.1+0.9s. (The conversions keep
// compilers from fusing the sums, which would differ between machines.)
func (c *call) proposal() prompt.AgentReply {
	history := c.moments(recent)
	speak := needs(history)
	if !c.chance(1 - float64(0.6*float64((1-c.skill)*(1-c.skill)))) {
		speak = !speak
	}
	if !speak || len(history) == 0 {
		return prompt.AgentReply{Tasks: &[]string{}}
	}
	n := 1
	if most := atMost(c.system()); most > 1 {
		n += c.rng.IntN(most)
	}
	var tasks []string
	for range n {
		if c.chance(0.1 + float64(0.9*c.skill)) {
			tasks = append(tasks, c.helpful(history[len(history)-1].text))
		} else {
			tasks = append(tasks, c.beside(history))
		}
	}
	return prompt.AgentReply{Tasks: &tasks}
}

// atMost reads how many tasks the agent may list.
func atMost(system string) int {
	_, rest, _ := strings.Cut(system, prompt.AtMost)
	number, _, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(number)
	if err != nil {
		return 1
	}
	return n
}

func (c *call) helpful(event string) string {
	g := gistOf(event)
	forms := workingOffers
	switch cueOf(event) {
	case failing:
		forms = failingOffers
	case searching:
		forms = searchingOffers
	case repeating:
		forms = repeatingOffers
		if g.other != "" {
			forms = comparingOffers
		}
	}
	return g.fill(c.one(forms))
}

// beside proposes something that nobody asked for.
func (c *call) beside(history []moment) string {
	if len(history) >= recent && c.chance(0.4) {
		return gistOf(history[0].text).fill(c.one(workingOffers))
	}
	return c.one(idleOffers)
}

var (
	failingOffers = []string{
		"Find out what causes {topic} and fix it{in}",
		"Explain {topic} and suggest a correction{in}",
		"Look into {topic} and suggest a way around it{in}",
		"Trace {topic} to its cause and repair it{in}",
	}
	searchingOffers = []string{
		"Summarize what the best sources say about {topic}",
		"Put the answers to {topic} into a short note",
		"Look up {topic} and show the best answer{in}",
		"Compare the results for {topic} and recommend one",
	}
	repeatingOffers = []string{
		"Work out what is unclear about {topic}{in}",
		"Suggest a clean version of {topic}{in}",
	}
	comparingOffers = []string{
		"Compare {other} with {object} and point out the differences",
		"List the differences between {other} and {object} on {topic}",
	}
	workingOffers = []string{
		"Draft the next part of {topic}{in}",
		"Check {topic}{in} for mistakes",
		"Prepare a short overview of {topic}",
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

// operation carries out a task in one to three different calls of what there is.
func (c *call) operation() prompt.Operation {
	task := ""
	for i := range c.msgs {
		if task = labelled(c.msgs[i].Content, prompt.YourTask); task != "" {
			break
		}
	}
	made := c.answers(`{"call":`)
	if len(made) >= 1+pick(5, task)/2 {
		return prompt.Operation{Done: true}
	}
	var left []string
	scene, _ := c.told()
	for _, signature := range bullets(scene, prompt.Operations) {
		name, _, _ := strings.Cut(signature, "(")
		if !slices.ContainsFunc(made, func(m string) bool { return strings.HasPrefix(m, `{"call":"`+name+`(`) }) {
			left = append(left, signature)
		}
	}
	if len(left) == 0 {
		return prompt.Operation{Done: true}
	}
	// First the operation whose signature shares most with the task, then any.
	best, most := left[c.rng.IntN(len(left))], 0
	for _, signature := range left {
		if n := shared(words(signature), words(task)); n > most && len(made) == 0 {
			best, most = signature, n
		}
	}
	return prompt.Operation{Call: callOf(best, task)}
}

// callOf fills a signature's parameters with what a task is about:
// "file.open(path: str) -> str" becomes "file.open('tax-form.md')".
func callOf(signature, task string) string {
	name, params, _ := strings.Cut(signature, "(")
	open := 1
	for i, r := range params {
		switch r {
		case '(':
			open++
		case ')':
			open--
		}
		if open == 0 {
			params = params[:i]
			break
		}
	}
	g := about(task, true)
	topic := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`'"()`, r) {
			return -1
		}
		return r
	}, bare(g.topic))
	file := slug(topic) + ".md"
	if fileName.MatchString(g.object) {
		file = g.object
	}
	var args []string
	said := false // the topic, as it is
	for p := range strings.SplitSeq(params, ",") {
		p, _, _ = strings.Cut(strings.Trim(p, " *"), ":")
		p, _, _ = strings.Cut(p, "=")
		p, _, _ = strings.Cut(p, " (")
		if p = strings.ToLower(strings.TrimSpace(p)); p == "" || p == "kwargs" {
			continue
		}
		arg := ""
		for _, known := range arguments {
			if strings.Contains(p, known.param) {
				arg = fill(known.value, "topic", topic, "file", file, "slug", slug(topic))
				break
			}
		}
		switch {
		case arg == "" && said:
			arg = "default"
		case arg == "":
			arg, said = topic, true
		}
		args = append(args, "'"+arg+"'")
	}
	return fmt.Sprintf("%s(%s)", strings.TrimSpace(name), strings.Join(args, ", "))
}

// arguments are what parameters whose name contains a word are given; the first
// that suits counts. Of the other parameters, the first is given the topic.
var arguments = []struct{ param, value string }{
	{"path", "{file}"}, {"file", "{file}"}, {"url", "https://example.org/{slug}"}, {"mode", "r"}, {"command", "open {file}"},
	{"recipient", "colleague@example.org"}, {"person", "a colleague"}, {"attendees", "colleague@example.org"}, {"content", "Notes on {topic}"},
	{"body", "Notes on {topic}"}, {"text", "Notes on {topic}"}, {"snippet", "the lines on {topic}"}, {"time", "tomorrow 9:00"}, {"date", "tomorrow"},
	{"line", "12"}, {"length", "200"}, {"rows", "3"}, {"columns", "3"}, {"language", "en"}, {"kind", "bar"}, {"chart_type", "bar"}, {"style", "plain"},
}

// slug is a file name for a topic.
func slug(topic string) string { return cmp.Or(strings.Join(slugWords(topic), "-"), "notes") }

// identifier is a name in code for a topic.
func identifier(topic string) string { return cmp.Or(strings.Join(slugWords(topic), "_"), "result") }

func slugWords(topic string) []string {
	var parts []string
	for w := range strings.FieldsFuncSeq(strings.ToLower(topic), notWord) {
		if !stop[w] {
			parts = append(parts, w)
		}
	}
	return parts[:min(4, len(parts))]
}
