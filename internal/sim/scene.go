package sim

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/gymline/gymline/internal/prompt"
)

// scene writes a person and a place for a domain, sample events and a task.
func (c *call) scene() prompt.Scene {
	question := c.question()
	domain, task := labelled(question, prompt.Domain), labelled(question, prompt.Task)
	sampled := bullets(question, prompt.SampleEvents)
	k := kitOf(domain, nil)
	if k.hits(domain) == 0 {
		k = kitOf(task, sampled)
	}
	name := c.one(firstNames) + " " + c.one(lastNames)
	work := c.one(k.jobs)
	theme := "A day's work"
	if s := subject(task); s != "" {
		theme = upperFirst(s)
	}

	var s prompt.Scene
	s.User.Goal = strings.TrimSuffix(task, ".") + "."
	s.User.Description = fmt.Sprintf("%s, %d, is %s. %s %s", name, 21+c.rng.IntN(45), work, c.one(k.traits), c.one(habits))
	e := &s.Environment
	e.Theme = theme
	e.Description = fmt.Sprintf("%s %s has set aside %s for this. %s", c.one(k.places), name, c.one(spans), c.one(moods))
	e.Entities = c.some(k.entities, 5+c.rng.IntN(4))
	for _, n := range names(sampled) {
		if len(e.Entities) < 11 && !slices.Contains(e.Entities, n) && c.chance(0.4) {
			e.Entities = append(e.Entities, n)
		}
	}
	e.Operations = c.some(k.operations, 6+c.rng.IntN(3))
	e.Examples = c.some(sampled, 3)
	topic, name := c.topic(k, task)
	slots := []string{"topic", topic, "name", name, "id", identifier(name), "file", slug(name)}
	for range 3 + c.rng.IntN(3) {
		main, other := c.pair(e.Entities)
		e.Examples = append(e.Examples, fill(c.one(k.steps), append(slots, "entity", main, "other", other)...))
	}
	return s
}

// names returns the proper names in the samples: runs of capitalised words that
// do not open a sentence.
func names(samples []string) []string {
	var out []string
	for _, s := range samples {
		var run []string
		for i, field := range strings.Fields(s) {
			w := strings.TrimFunc(field, notWord)
			if i > 0 && w == field && !strings.ContainsAny(w, "'’/") && w != "" && unicode.IsUpper([]rune(w)[0]) {
				run = append(run, w)
				continue
			}
			if n := strings.Join(run, " "); len(run) > 1 && !slices.Contains(out, n) {
				out = append(out, n)
			}
			run = nil
		}
	}
	return out
}

func upperFirst(s string) string {
	r := []rune(s)
	if len(r) > 0 {
		r[0] = unicode.ToUpper(r[0])
	}
	return string(r)
}

var (
	firstNames = []string{"Mara", "Tobias", "Ines", "Kofi", "Yuki", "Elena", "Ravi", "Noor", "Jonas", "Lucía", "Amara", "Pavel", "Sofie", "Mateo", "Hana", "Dario", "Wanjiru", "Felix", "Leila", "Bruno"}
	lastNames  = []string{"Okafor", "Lindgren", "Moreau", "Tanaka", "Weber", "Silva", "Haddad", "Novak", "Brennan", "Iyer", "Castillo", "Jansen", "Petrov", "Mbeki", "Rossi", "Dahl", "Kaya", "Fontaine"}
	habits     = []string{
		"Likes to finish one thing before the next.", "Works in short bursts and takes notes on paper.", "Would rather look things up than ask a colleague.",
		"Is patient with details and impatient with tools.", "Keeps many windows open and forgets which is which.",
	}
	spans = []string{"the morning", "an hour before lunch", "the quiet end of the afternoon", "the evening", "a rainy Saturday"}
	moods = []string{"It is quiet.", "Messages come in now and then.", "The deadline is tomorrow.", "There is no hurry.", "The connection is slow today."}
)
