package sim

import (
	"strings"

	"github.com/gymline/gymline/internal/prompt"
)

// activity takes the next small step toward the goal that the scene
// names. How many steps a session takes is drawn from its beginning.
func (c *call) activity() prompt.Activity {
	scene, _ := c.told()
	goal := labelled(scene, prompt.Goal)
	around := things(scene, prompt.Around)
	k := kitOf(labelled(scene, prompt.Place), around)
	done, first, known := c.progress()
	form := c.one(k.start)
	if done > 0 || !known {
		steps := 3 + pick(4, scene, first)
		if known && done >= steps || !known && c.chance(forgetful) {
			return prompt.Activity{GoalMet: true}
		}
		switch c.rng.IntN(8) {
		case 0, 1, 2, 3:
			form = c.one(k.search)
		case 4:
			form = c.one(k.check)
		default:
			form = c.one(k.work)
		}
		if known && done == steps-1 {
			form = c.one(k.finish)
		}
	}
	entity, other := c.pair(around)
	topic, name := c.topic(k, goal)
	return prompt.Activity{Activity: fill(form, "entity", entity, "other", other, "topic", topic, "name", name)}
}

func (c *call) pair(around []string) (entity, other string) {
	entity, other = "Laptop", "Phone"
	if two := c.some(around, 2); len(two) == 2 {
		return two[0], two[1]
	} else if len(two) == 1 {
		entity = two[0]
	}
	return entity, other
}

// topic picks a part of the goal, at times one aspect of it, and tells the
// part's bare name. Parts that sound like trouble are left out: events about them
// would, too.
func (c *call) topic(k *kit, goal string) (topic, name string) {
	_, rest, _ := strings.Cut(goal, " ") // a goal opens with a verb
	var parts []string
	for _, p := range phrases(rest) {
		if !p.vague && cueOf(p.text) == noCue && len(parts) < 4 {
			parts = append(parts, p.text)
		}
	}
	if len(parts) == 0 {
		parts = []string{"task"}
	}
	name = c.one(parts)
	topic = the(name)
	if c.chance(0.3) {
		topic = c.one(k.aspects) + " of " + topic
	}
	return topic, name
}

func (c *call) judgement() prompt.Verdict {
	v := c.verdict()
	return prompt.Verdict{Accepted: &v.Accepted, Reason: v.Reason}
}

type verdict struct {
	Accepted   bool   `json:"accepted"`
	Task       *int   `json:"task,omitempty"`
	HelpNeeded bool   `json:"helpNeeded"`
	Reason     string `json:"reason"`
}

// verdict decides as the gym's user: help is wanted after a failure, a search or
// a repetition, and a task must be about it and not be what the user has just
// taken. It errs with probability (1−skill)·0.4.
func (c *call) verdict() verdict {
	history := c.moments(recent)
	message := c.question()
	offered := offers(message)
	need := needs(history)
	best := -1
	for i, task := range offered {
		if need && fits(task, history) && !c.taken(task) {
			best = i
			break
		}
	}
	accepted := best >= 0
	if len(offered) == 0 {
		accepted = !need
	}
	if c.chance((1 - c.skill) * 0.4) {
		accepted = !accepted
	}
	v := verdict{Accepted: accepted, HelpNeeded: need, Reason: c.reason(accepted, need, offered, history)}
	switch {
	case len(offered) == 0:
		v.HelpNeeded = !accepted
	case accepted:
		v.HelpNeeded = true
	}
	if accepted && len(offered) > 1 {
		task := max(best, 0) + 1
		v.Task = &task
	}
	return v
}

// taken tells whether one of the last few offers in this conversation was the
// same and accepted.
func (c *call) taken(task string) bool {
	seen := 0
	for i := len(c.msgs) - 3; i > 0 && seen < 3; i-- {
		earlier := offers(c.msgs[i].Content)
		if len(earlier) == 0 {
			continue
		}
		seen++
		if strings.HasPrefix(c.msgs[i+1].Content, `{"accepted":true`) {
			for _, e := range earlier {
				if a := words(e); 4*shared(a, words(task)) >= 3*len(a) {
					return true
				}
			}
		}
	}
	return false
}

// reason says why in the words of the last event.
func (c *call) reason(accepted, need bool, offered []string, history []moment) string {
	g := gist{topic: "this"}
	if len(history) > 0 {
		g = gistOf(history[len(history)-1].text)
	}
	var forms []string
	switch {
	case len(offered) > 0 && accepted:
		forms = []string{"I am held up by {topic}, and this is what I need now.", "That saves me work on {topic}.", "Good timing: I am stuck on {topic}."}
	case len(offered) > 0 && need:
		forms = []string{"I could use help, but with {topic}, not with this.", "The offer does not help me with {topic}."}
	case len(offered) > 0:
		forms = []string{"I am getting on well with {topic} and need no help.", "It comes at a moment when nothing is wrong with {topic}.", "I did not ask for that while busy with {topic}."}
	case accepted:
		forms = []string{"I am fine on my own with {topic}.", "Nothing about {topic} called for help."}
	default:
		forms = []string{"I was stuck on {topic} and would have taken help.", "Some help with {topic} would have been welcome."}
	}
	return g.fill(c.one(forms))
}
