package finetuneexport

import (
	"iter"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/redact"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/trace"
)

const (
	agentSet  = "agent"  // event by event, propose a task or stay silent
	rewardSet = "reward" // accept or reject what an agent did
)

// An outcome is what a set makes of a judged row: a conversation, or the cause
// why there is none.
type outcome struct {
	id    string
	turn  int
	cause string
	// messages end on the assistant's answer, the only one that is trained.
	messages []*message
	class    string
	cut      bool // older events were left out
}

func (x *session) byTurn() iter.Seq[[]judged] {
	return func(yield func([]judged) bool) {
		for i := 0; i < len(x.rows); {
			j := i + 1
			for j < len(x.rows) && x.rows[j].turn == x.rows[i].turn {
				j++
			}
			if !yield(x.rows[i:j]) {
				return
			}
			i = j
		}
	}
}

// answer decides what an agent should have done at a turn, given all verdicts
// on it, and which row says so; -1 when none does.
//
//  1. An accepted task: the one with the largest share of votes for it.
//  2. Silence, if it was accepted.
//  3. Silence, if a task was rejected and no help was needed. Where that is not
//     known, another task might have been right.
func answer(turn []judged) (row int, tasks []string) {
	task, silence, declined, missed := -1, -1, -1, false
	for i, r := range turn {
		missed = missed || r.HelpNeeded != nil && *r.HelpNeeded || r.Task == nil && !r.Accepted
		switch {
		case r.Task != nil && r.Accepted:
			if task < 0 || approval(r.Votes) > approval(turn[task].Votes) {
				task = i
			}
		case r.Accepted && silence < 0:
			silence = i
		case r.Task != nil && !r.Accepted && r.HelpNeeded != nil && declined < 0:
			declined = i
		}
	}
	switch {
	case task >= 0:
		return task, []string{*turn[task].Task}
	case silence >= 0:
		return silence, nil
	case declined >= 0 && !missed:
		return declined, nil
	}
	return -1, nil
}

// approval is the share of votes for a proposal; a verdict without votes is
// one judge's, and so unanimous.
func approval(votes []bool) float64 {
	if len(votes) == 0 {
		return 1
	}
	n := 0
	for _, v := range votes {
		if v {
			n++
		}
	}
	return float64(n) / float64(len(votes))
}

// agentOutcomes gives one conversation for each turn with a known answer.
func (c *conversations) agentOutcomes(x *session, own string, candidates, maxHistory int) []outcome {
	var list []outcome
	redacted := c.redacts(x)
	history := c.agent(own, x.turns, candidates, redacted)
	for turn := range x.byTurn() {
		from, tasks := answer(turn)
		for i, r := range turn {
			o := outcome{id: r.ID, turn: r.turn}
			switch {
			case from < 0:
				o.cause = causeNoAnswer
			case i != from:
				o.cause = causeSameTurn
			default:
				first := firstEvent(r.turn, maxHistory)
				o.messages = c.answered(redacted, history(first, r.turn), prompt.AgentAnswer(tasks), func() []llm.Message {
					return prompt.AgentHistory(own, x.turns, first, r.turn, candidates)
				})
				o.class, o.cut = "silence", first > 0
				if len(tasks) > 0 {
					o.class = "task"
				}
			}
			list = append(list, o)
		}
	}
	return list
}

// rewardOutcomes gives one verdict for each judged row.
func (c *conversations) rewardOutcomes(x *session, own string, maxHistory int) []outcome {
	var list []outcome
	for _, r := range x.rows {
		first := firstEvent(r.turn, maxHistory)
		messages, answer := prompt.JudgeMessages(own, r.History[first:], r.Task), prompt.JudgeAnswer(r.Accepted, r.reason)
		if r.reason == "" { // neither ask for one nor teach an empty one
			messages[0].Content, answer = prompt.VerdictSystem(own), prompt.VerdictAnswer(r.Accepted)
		}
		if messages = append(messages, llm.Message{Role: llm.Assistant, Content: answer}); c.redacts(x) {
			messages = redact.Messages(messages)
		}
		list = append(list, outcome{
			id: r.ID, turn: r.turn, messages: c.messages(messages),
			class: verdictClass(r.Judged), cut: first > 0,
		})
	}
	return list
}

// firstEvent is where a prompt on turn n starts that keeps at most limit events; 0 keeps all.
func firstEvent(n, limit int) int {
	if limit == 0 {
		return 0
	}
	return max(0, n+1-limit)
}

func verdictClass(j trace.Judged) string {
	what, verdict := "task", "rejected"
	if j.Task == nil {
		what = "silence"
	}
	if j.Accepted {
		verdict = "accepted"
	}
	return what + "-" + verdict
}
