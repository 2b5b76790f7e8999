package sim

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/prompt"
)

// forgetful is how probably a user whose conversation has lost its beginning,
// with nothing said in its place, finds at an activity that the goal is met: it
// cannot know how far it has come.
const forgetful = 0.2

const (
	stepsDone = "Steps done: "
	firstStep = ". The first: "
)

// summary notes what is about to be forgotten: the user how far it has come, the
// environment the newest state of each thing.
func (c *call) summary() prompt.Summary {
	gone := c.goingAway()
	if scene, _ := c.told(); labelled(scene, prompt.Goal) == "" {
		return gone.changes()
	}
	done, first, _ := gone.progress()
	var a prompt.Activity
	_ = json.Unmarshal([]byte(first), &a) // "" where the first step is forgotten
	text := stepsDone + strconv.Itoa(done) + firstStep + a.Activity
	if last := gone.moments(1); len(last) > 0 {
		text = "Last: " + last[0].text + " " + text
	}
	return prompt.Summary{Summary: text}
}

// goingAway is the conversation without the exchanges that the question says stay.
func (c *call) goingAway() *call {
	_, rest, _ := strings.Cut(c.question(), prompt.Newest)
	number, _, _ := strings.Cut(rest, " ")
	stay, _ := strconv.Atoi(number)
	end := len(c.msgs) - 1
	for end > 0 && (c.msgs[end].Role != llm.User || isRepair(c.msgs[end].Content)) {
		end--
	}
	stay = min(max(stay, 0), len(c.msgs))
	return &call{rng: c.rng, skill: c.skill, msgs: c.msgs[:max(end-2*stay, 0)]}
}

// progress is how many activities the user has done, with those that a note at
// the beginning speaks of, and the first of them as it was answered. It is not
// known where the beginning was cut off and no note stands there.
func (c *call) progress() (done int, first string, known bool) {
	made := c.answers(`{"activity":`)
	if notes := c.answers(`{"summary":`); len(notes) > 0 {
		var s prompt.Summary
		_ = json.Unmarshal([]byte(notes[0]), &s)
		_, rest, ok := strings.Cut(s.Summary, stepsDone)
		number, step, _ := strings.Cut(rest, firstStep)
		before, err := strconv.Atoi(number)
		if ok && err == nil && step != "" {
			return before + len(made), prompt.Encode(prompt.Activity{Activity: step}), true
		}
		return len(made), "", false
	}
	if _, asked := c.told(); strings.HasPrefix(asked, "[") || strings.HasSuffix(asked, prompt.NextStep) {
		return len(made), "", false
	}
	if len(made) == 0 {
		return 0, "", true
	}
	return len(made), made[0], true
}

// changes lists the newest state of each thing that the environment changed.
func (c *call) changes() prompt.Summary {
	var names []string
	states := map[string]string{}
	for _, said := range c.answers("{") {
		var a struct {
			prompt.Events
			prompt.Result
			prompt.Summary
		}
		_ = json.Unmarshal([]byte(said), &a)
		var changed []prompt.Entity
		for note := range strings.SplitSeq(a.Summary.Summary, "; ") {
			if name, state, ok := strings.Cut(note, " is "); ok {
				changed = append(changed, prompt.Entity{Name: name, State: state})
			}
		}
		for _, e := range a.Events.Events {
			changed = append(changed, e.Entities...)
		}
		for _, e := range append(changed, a.Entities...) {
			if _, ok := states[e.Name]; !ok {
				names = append(names, e.Name)
			}
			states[e.Name] = e.State
		}
	}
	if len(names) == 0 {
		return prompt.Summary{Summary: "Nothing has changed so far."}
	}
	for i, name := range names {
		names[i] = name + " is " + states[name]
	}
	return prompt.Summary{Summary: strings.Join(names, "; ")}
}
