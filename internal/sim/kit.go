package sim

import (
	"slices"
	"strings"
)

// A kit is the vocabulary of one kind of scene. Its sentences have slots:
// {entity} and {other} are things of the scene, {topic} is a part of the goal,
// {name} the same without an article, {id} its name in code, {file} its name as
// a file, and {error} is one of its errors. Things are written with capitals, which tells them from topics.
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
	for _, k := range []*kit{&daily, &coding, &writing} {
		n := k.hits(place)
		for _, t := range things {
			n += k.hits(t)
			if slices.Contains(k.entities, t) {
				n += 3
			}
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

// things returns the listed things that a person works with, by their names:
// "Workstation: two monitors" is "Workstation". People, places and furniture are
// left out, unless there is nothing else.
func things(text, label string) []string {
	var all, used []string
	for _, t := range bullets(text, label) {
		name, _, _ := strings.Cut(t, ": ")
		name, _, _ = strings.Cut(name, " (")
		name, _, _ = strings.Cut(name, "/")
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		all = append(all, name)
		if !strings.ContainsAny(name, "&,") && !strings.Contains(name, " and ") && !strings.Contains(name, " or ") &&
			(fileName.MatchString(name) || slices.ContainsFunc(strings.Fields(strings.ToLower(name)), func(w string) bool { return toolWords[w] })) {
			used = append(used, name)
		}
	}
	if len(used) > 0 {
		return used
	}
	return all
}

var toolWords = set(`app apps application software editor ide studio code browser chrome firefox terminal console git github repository database databases spreadsheet
	spreadsheets document documents word e-mail email inbox messages chat slack calendar planner notebook notebooks notes journal laptop computer pc desktop workstation
	tablet smartphone phone macbook website websites site sites platform platforms dashboard tool tools board tracker docs documentation guide guides tutorials
	forum forums library reader cloud drive overflow reddit twitch portal list maps logs log xcode postman docker debugger vscode shop form sheet album manager
	results thesaurus collection table outline folder`)

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
