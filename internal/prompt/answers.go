package prompt

import "github.com/gymline/gymline/internal/trace"

// The answers that the gym asks for and the stand-in gives; those of the agent and
// the judge stand beside their texts.

// A Scene is a person with a goal, and a place.
type Scene struct {
	User        trace.User        `json:"user"`
	Environment trace.Environment `json:"environment"`
}

// An Activity is what the user does next, or that the goal is met.
type Activity struct {
	Activity string `json:"activity"`
	GoalMet  bool   `json:"goalMet"`
}

// Events are what follows from an activity, in order.
type Events struct {
	Events []Event `json:"events"`
}

// An Event is one that was made but is yet to happen.
type Event struct {
	Text     string   `json:"event"`
	Actor    string   `json:"actor"`
	Seconds  float64  `json:"seconds"` // after the event before it
	Failure  bool     `json:"failure"`
	Entities []Entity `json:"entities"`
}

// An Entity is one thing's new state.
type Entity struct {
	Name  string `json:"name"`
	State string `json:"state"`
}

// An Operation is the agent's next call, or that its task is done.
type Operation struct {
	Call string `json:"call"`
	Done bool   `json:"done"`
}

// A Result is what an operation of the agent's came to.
type Result struct {
	Result   string   `json:"result"`
	OK       bool     `json:"ok"`
	Text     string   `json:"event"`
	Seconds  float64  `json:"seconds"`
	Entities []Entity `json:"entities"`
}

// A Summary is what a role wants to remember of what its conversation forgets.
type Summary struct {
	Summary string `json:"summary"`
}
