// Package trace holds the domain's records: what a user did, what an agent
// proposed, and how the proposal was judged. Every job speaks in these types;
// importers in this package turn other projects' files into them.
package trace

import (
	"crypto/sha256"
	"strconv"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

// An Event is one observed activity.
type Event struct {
	// Time is kept as its source wrote it, because prompts show it verbatim:
	// unix seconds ("1717378000.744") or "Day 1, 11:02 PM". See ParseTime.
	Time string `json:"time"`
	// Text says in one sentence what happened.
	Text string `json:"event"`
}

// Digest tells events apart by their time and text.
func (e Event) Digest() [sha256.Size]byte { return sha256.Sum256([]byte(e.Time + "\x00" + e.Text)) }

// A Judgement is the verdict on one turn: a proposal accepted or rejected, or
// silence accepted (no help was needed) or rejected (help was missed).
type Judgement struct {
	Accepted bool `json:"accepted"`
	// Task is the index in Turn.Proposals of the first accepted candidate; nil
	// when none was accepted or none was made.
	Task *int `json:"task,omitempty"`
	// HelpNeeded says whether the user wanted any help at that moment; nil when
	// the judge did not say.
	HelpNeeded *bool `json:"helpNeeded,omitempty"`
	// Score is the judge's probability-like score in [0,1], when it has one.
	Score  *float64 `json:"score,omitempty"`
	Reason string   `json:"reason,omitempty"`
}

// An Operation is one step of an accepted task being carried out.
type Operation struct {
	Call   string `json:"call"`   // e.g. file.open('report.md', 'r')
	Result string `json:"result"` // what the environment answered
	OK     bool   `json:"ok"`
}

// A Turn is an event and what followed from it.
type Turn struct {
	Event Event `json:"event"`
	// Actor is who caused the event: "user", "agent" or "environment".
	Actor string `json:"actor,omitempty"`
	// Activity numbers the user's activity that the event belongs to, from 0.
	Activity int `json:"activity"`
	// Failure is set when the event reports something that went wrong.
	Failure bool `json:"failure,omitempty"`
	// Entities holds the entities whose state the event changed.
	Entities map[string]string `json:"entities,omitempty"`
	// Proposals are the candidate tasks, best first; empty means the agent kept silent.
	Proposals []string `json:"proposals"`
	// Judgement is nil when the turn was not judged.
	Judgement *Judgement  `json:"judgement,omitempty"`
	Execution []Operation `json:"execution,omitempty"`
	// Excluded says why the turn is history alone and no row; "" for all others.
	Excluded string `json:"excluded,omitempty"`
}

// Why a turn has no verdict that is a row; causes in the row ledgers.
const (
	causeUnjudged = "the turn was not judged"
	causeBadTask  = "the judgement names a candidate that was not proposed"
)

// Unjudged says why the turn has no verdict that can be used; "" when it has one.
func (t *Turn) Unjudged() string {
	switch j := t.Judgement; {
	case j == nil:
		return causeUnjudged
	case j.Task != nil && (*j.Task < 0 || *j.Task >= max(1, len(t.Proposals))):
		return causeBadTask
	}
	return ""
}

// Rows counts the rows that Trace.Judged unrolls the turn into, were it not
// excluded, and those of them that are accepted.
func (t *Turn) Rows() (rows, accepted int) {
	if t.Unjudged() != "" {
		return 0, 0
	}
	rows = max(1, len(t.Proposals))
	if t.Judgement.Task != nil {
		rows = *t.Judgement.Task + 1
	}
	if t.Judgement.Accepted {
		accepted = 1
	}
	return rows, accepted
}

// A Trace is a run of turns in time order: the unit of correlation, so splits,
// folds and bootstraps never cut one apart.
type Trace struct {
	ID     string `json:"id"`
	Domain string `json:"domain,omitempty"`
	Turns  []Turn `json:"turns"`
}

// User is the person a scene simulates.
type User struct {
	Description string `json:"description"`
	Goal        string `json:"goal"`
}

// Environment is the surrounding a scene simulates.
type Environment struct {
	Theme       string   `json:"theme,omitempty"`
	Description string   `json:"description"`
	Entities    []string `json:"entities"`
	// Operations are the calls the agent may make, e.g. "file.open(file_path, mode)".
	Operations []string `json:"operations"`
	// Examples are sample events that show the wording.
	Examples []string `json:"examples,omitempty"`
}

// A Scene is everything that is fixed before a session starts.
type Scene struct {
	ID          string      `json:"id"` // "scene-00012": its index over all shards
	Domain      string      `json:"domain"`
	User        User        `json:"user"`
	Environment Environment `json:"environment"`
}

// An Episode is one finished session of the gym: a trace and how it ended.
type Episode struct {
	Trace        // ID is "scene-00012/0": the scene and the session within it
	Scene string `json:"scene"`
	// End is "goal" (the user reached it) or "maxEvents" (cut off there).
	End string `json:"end"`
	// Simulated is set when any model of the session was a stand-in.
	Simulated bool `json:"simulated,omitempty"`
	// Prompts are digests of the experiment's own texts of roles, by role.
	Prompts map[string]store.Digest `json:"prompts,omitempty"`
	// Asked says what real models were asked as, by role, and AnsweredBy which answered,
	// as their provider named them beside the answers.
	Asked      map[string]*llm.Asked `json:"asked,omitempty"`
	AnsweredBy map[string][]string   `json:"answeredBy,omitempty"`
}

// A Judged is one row for a reward model: a history, a proposal or silence,
// and whether people (or the gym's user) accepted it.
type Judged struct {
	// ID names the row for ledgers: "<trace>/<turn>", and of several candidates
	// "<trace>/<turn>.<candidate>", counted from 0.
	ID string `json:"id"`
	// Group is the unit of independence for splits, folds and bootstraps: what
	// shares a user or a history. The gym's is the scene, else it is the trace.
	Group string `json:"group"`
	// Trace groups rows that share a history; see Trace.
	Trace   string  `json:"trace"`
	Domain  string  `json:"domain,omitempty"`
	History []Event `json:"history"`
	// Task is the proposed task; nil means silence.
	Task *string `json:"task"`
	// Accepted is the label.
	Accepted bool `json:"accepted"`
	// HelpNeeded says whether any help was wanted after this history; nil when
	// the source does not know. It is a training target, never a feature.
	HelpNeeded *bool `json:"helpNeeded,omitempty"`
	// Votes are the single annotators' verdicts on a proposal; never a feature.
	Votes []bool `json:"votes,omitempty"`
	// Split is the source's own split ("train", "test") when it has one.
	Split string `json:"split,omitempty"`
	// Source names where the row comes from: "proactivebench" or "gym".
	Source string `json:"source"`
}

// Judged unrolls a trace into one row for each verdict that can be used and is
// not excluded, in turn order: silence has one; of several candidates, those before
// the accepted one were rejected and those after it were not judged. History
// includes the turn's own event; rows share the backing array, so callers must not
// modify it.
func (t *Trace) Judged(source, group string) []Judged {
	history := make([]Event, len(t.Turns))
	var list []Judged
	for i, turn := range t.Turns {
		history[i] = turn.Event
		if turn.Unjudged() != "" || turn.Excluded != "" {
			continue
		}
		verdict := turn.Judgement
		row := Judged{
			ID: TurnID(t.ID, i), Group: group, Trace: t.ID, Domain: t.Domain, History: history[: i+1 : i+1],
			Accepted: verdict.Accepted, HelpNeeded: verdict.HelpNeeded, Source: source,
		}
		if len(turn.Proposals) == 0 {
			list = append(list, row)
			continue
		}
		judged := turn.Proposals
		if verdict.Task != nil {
			judged = judged[:*verdict.Task+1]
		}
		for k := range judged {
			row.Task, row.Accepted = &judged[k], verdict.Accepted && k == len(judged)-1
			if len(turn.Proposals) > 1 {
				row.ID = TurnID(t.ID, i) + "." + strconv.Itoa(k)
			}
			list = append(list, row)
		}
	}
	return list
}

// Judged unrolls an episode; its group is the scene, whose sessions share user,
// goal and surroundings.
func (e *Episode) Judged() []Judged { return e.Trace.Judged(Gym, e.Scene) }

// TurnID names a turn in ledgers.
func TurnID(trace string, turn int) string { return trace + "/" + strconv.Itoa(turn) }

// Sources of judged rows.
const (
	Gym            = "gym"
	ProactiveBench = "proactivebench"
)
