package sim

import "strings"

// A kit is the vocabulary of one kind of scene. Its sentences have slots:
// {entity} and {other} are things of the scene, {topic} is a part of the goal,
// and {error} is one of its errors.
type kit struct {
	words map[string]bool // that tell this kind of scene

	jobs, traits, places, entities, operations []string

	aspects                            []string // "ASPECT of {topic}"
	start, work, search, check, finish []string // activities, in the first person
	steps, repeats, failures           []string // events
	errors                             []string
	states, troubles                   []string // of things
}

// kitOf returns the kit whose words a place and its things use most; everyday
// life is the last resort.
func kitOf(place string, things []string) *kit {
	best, most := &daily, 0
	for _, k := range []*kit{&coding, &writing} {
		n := k.hits(place)
		for _, t := range things {
			n += k.hits(t)
		}
		if n > most {
			best, most = k, n
		}
	}
	return best
}

func (k *kit) hits(text string) int {
	n := 0
	for w := range strings.FieldsFuncSeq(strings.ToLower(text), notWord) {
		if k.words[w] {
			n++
		}
	}
	return n
}

// fill puts values into the {slots} of a form; pairs are name, value, …
func fill(form string, pairs ...string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(form, "{")
		b.WriteString(before)
		if !ok {
			break
		}
		name, after, _ := strings.Cut(rest, "}")
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				b.WriteString(pairs[i+1])
			}
		}
		form = after
	}
	return b.String()
}
