// Package lineage leads from what a run made back to what it was made of, and forward
// to what was made of it: a row of a training file to its verdict, turn, calls, session,
// scene, seed and line of an input; a line of an input to rows, checkpoints and scores.
//
// It reads what the run's records and row ledgers say, and of an input what the jobs
// read of it: row by row in a stream, so that a run of a million rows takes no more
// memory than one of a thousand. What is held whole are the files of seeds and scenes,
// and of ProactiveBench's rows, which every job that reads them holds, too, the line,
// trace and turn. No model is asked.
package lineage

import (
	"context"

	"github.com/gymline/gymline/internal/calls"
	"github.com/gymline/gymline/internal/store"
)

// The ways a link goes.
const (
	Self = "self" // what was asked for
	Up   = "up"   // to what it was made of
	Down = "down" // to what was made of it
)

// The kinds of nodes.
const (
	Row         = "row"          // a planned row of the export, with its line in the files
	Verdict     = "verdict"      // that the reward model learned from
	Turn        = "turn"         // of a session: an event, what was offered after it, and the verdict
	Session     = "session"      // of the gym
	Scene       = "scene"        // of the gym
	Input       = "input"        // a file of an input, or a line of it
	Answer      = "answer"       // of a candidate, to an event of the benchmark
	Call        = "call"         // to a model
	Artifact    = "artifact"     // an output of a step's shard
	RewardModel = "reward-model" // that the step reward trained
	Export      = "export"       // all that finetune-export wrote
	Checkpoint  = "checkpoint"   // that came back from a trainer
	Score       = "score"        // of a candidate
)

// A Link is a node and what it hangs on. Links come depth first, so that those which
// hang on a node follow it.
type Link struct {
	Way   string `json:"way"`
	Depth int    `json:"depth"`         // 0 is what was asked for
	How   string `json:"how,omitempty"` // what the node is to the one that it hangs on
	Of    string `json:"of,omitempty"`  // the ID of that one
	Node
}

// A Node is one thing that has a lineage.
type Node struct {
	// ID is RUN/STEP/SHARD/OUTPUT#ROW, INPUT/PATH#LINE or ledger/KEY; all but the last are
	// asked for by it.
	ID   string `json:"id"`
	Kind string `json:"kind"`
	// Digest is of the artifact, file or tree that holds it.
	Digest store.Digest `json:"digest,omitempty"`
	// MadeBy is the run that did the work, where the node's run took it over.
	MadeBy store.RunID `json:"madeBy,omitempty"`
	Text   string      `json:"text,omitempty"` // what it says
	// Files are those of the export that hold the row, and Line is its line in each.
	Files []string `json:"files,omitempty"`
	Line  int      `json:"line,omitempty"`
	// Origins are the lines of inputs that a row of a long list comes from.
	Origins []string    `json:"origins,omitempty"`
	Count   int64       `json:"count,omitempty"` // of the rows that the node stands for
	Call    *calls.Call `json:"call,omitempty"`
	F1      *float64    `json:"f1,omitempty"` // of a score
}

// Options are what a walk takes.
type Options struct {
	Up, Down bool
	// Calls is set where calls to models are told of, too.
	Calls *calls.Options
}

// Walk finds what a target names and tells emit of it and of all that it leads to.
func (v *View) Walk(ctx context.Context, target string, opt Options, emit func(*Link) error) error {
	s, err := v.resolve(ctx, target)
	if err != nil {
		return err
	}
	w := &walk{v, opt.Calls, emit, Self}
	id, err := w.self(ctx, s)
	if err == nil && opt.Up {
		w.way = Up
		err = w.up(ctx, id, 1, s)
	}
	if err == nil && opt.Down {
		w.way = Down
		err = w.down(ctx, id, s)
	}
	return err
}

// A walk is one question.
type walk struct {
	*View
	calls *calls.Options
	emit  func(*Link) error
	way   string
}

// link tells of a node that hangs on another.
func (w *walk) link(of string, depth int, how string, n Node) error {
	return w.emit(&Link{Way: w.way, Depth: depth, How: how, Of: of, Node: n})
}

// self tells of what was asked for.
func (w *walk) self(ctx context.Context, s *subject) (string, error) {
	n, err := w.node(ctx, s)
	if err != nil {
		return "", err
	}
	return n.ID, w.link("", 0, "", n)
}
