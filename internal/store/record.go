package store

import (
	"cmp"
	"encoding/json"
	"fmt"
)

// FormatVersion is written into every record; FORMAT.md lists the changes.
const FormatVersion = 1

// RunID names a run: the experiment's name and a number, e.g. "quickstart-3".
type RunID string

// StepName names a step of a plan, e.g. "generate".
type StepName string

// WorkKey identifies a piece of work by everything that its outputs depend on.
type WorkKey string

// An Artifact is a named output of a step, or an input that was read.
type Artifact struct {
	Name      string `json:"name"` // "episodes.jsonl"
	Digest    Digest `json:"digest"`
	Bytes     int64  `json:"bytes"` // decoded
	Rows      int64  `json:"rows,omitempty"`
	MediaType string `json:"mediaType"`
}

// A Run is written once, when the run opens.
type Run struct {
	Format     int             `json:"format"`
	ID         RunID           `json:"run"`
	Experiment string          `json:"experiment"` // its name
	Digest     Digest          `json:"experimentDigest"`
	Plan       Digest          `json:"planDigest"`
	Inputs     map[string]Tree `json:"inputs,omitempty"`
	Created    string          `json:"created"` // RFC 3339, UTC
	Version    string          `json:"gymlineVersion"`
	Fresh      bool            `json:"fresh,omitempty"`
	// Execution holds what says how, not what: it never reaches a work key.
	Execution json.RawMessage `json:"execution,omitempty"`
	// Account is the earlier run whose account this one goes on with; "" is its own.
	Account RunID `json:"account,omitempty"`
	// Source is what it was asked for with, By whom and why, Binary what opened it; all are
	// absent of a run that an earlier gymline opened.
	Source *Source `json:"source,omitempty"`
	By     string  `json:"by,omitempty"`
	Reason string  `json:"reason,omitempty"`
	Binary *Binary `json:"binary,omitempty"`
}

// Spending is the run under whose name this one's spending is kept.
func (r *Run) Spending() RunID { return cmp.Or(r.Account, r.ID) }

// A Tree names the digest of a blob that lists an input's files.
type Tree struct {
	Digest Digest `json:"digest"`
	Files  int    `json:"files"`
	Bytes  int64  `json:"bytes"`
}

// A TreeFile is one file of a Tree's blob, which is a JSON array sorted by path.
type TreeFile struct {
	Path   string `json:"path"` // slash-separated, relative
	Digest Digest `json:"digest"`
	Bytes  int64  `json:"bytes"`
}

// A Step is the record of one finished shard: it exists when the work is done.
type Step struct {
	Format  int        `json:"format"`
	Run     RunID      `json:"run"`
	Step    StepName   `json:"step"`
	Shard   int        `json:"shard"`
	WorkKey WorkKey    `json:"workKey"`
	Reused  bool       `json:"reused"` // outputs were found by work key, not made
	MadeBy  *Maker     `json:"madeBy,omitempty"`
	Inputs  []Artifact `json:"inputs"`
	Outputs []Artifact `json:"outputs"`
	// Stored is how many bytes the outputs' blobs took when they were stored.
	Stored map[Digest]int64 `json:"stored,omitempty"`
	// Published is the export that the outputs were written to as plain files, or "".
	Published string `json:"published,omitempty"`
	// Started and Finished are RFC 3339, UTC; Usage is free-form accounting.
	Started  string          `json:"started"`
	Finished string          `json:"finished"`
	Usage    json.RawMessage `json:"usage,omitempty"`
}

// A Maker is the record of work that another run took over: of the same step and work key.
type Maker struct {
	Run    RunID  `json:"run"`
	Shard  int    `json:"shard"`
	SHA256 Digest `json:"sha256"` // of the record as it is stored
}

// A Seal ends a run. It is written once; a run without one was interrupted or is under way.
type Seal struct {
	Format   int       `json:"format"`
	Run      RunID     `json:"run"`
	State    string    `json:"state"`
	Failures []Failure `json:"failures,omitempty"`
	Finished string    `json:"finished"`
	// Summary is what the run came to, for lists of many; free-form, and absent where
	// it was not known in time or an earlier gymline sealed the run.
	Summary json.RawMessage `json:"summary,omitempty"`
	// Binding is the blob that ties the run's records together; absent as a summary is.
	Binding Digest `json:"binding,omitempty"`
	// Unbound is why there is no binding.
	Unbound string `json:"unbound,omitempty"`
}

// Stripped reports whether a run's seal lacks a binding, without a word why, that the gymline
// which opened the run would have made.
func (s *Seal) Stripped(r Run) bool {
	return s.Run != "" && s.Binding == "" && s.Unbound == "" && (r.Source != nil || r.Binary != nil)
}

// The states of a sealed run.
const (
	Succeeded   = "Succeeded"
	Failed      = "Failed"
	Interrupted = "Interrupted"
)

// A Failure says why a shard of a step failed. A shard that runs where its engine
// cannot hear it leaves one in the store as well.
type Failure struct {
	Step     StepName `json:"step"`
	Shard    int      `json:"shard"`
	ExitCode int      `json:"exitCode"`
	Cause    string   `json:"cause"`
	Hint     string   `json:"hint,omitempty"`
	// Progress is how far the attempt came, and what it used.
	Progress json.RawMessage `json:"progress,omitempty"`
}

// A Checkpoint is a trained model that came back from a trainer, once for a run and a name.
type Checkpoint struct {
	Format int    `json:"format"`
	Run    RunID  `json:"run"`
	Name   string `json:"name"` // of the training
	Tree   Tree   `json:"tree"` // its files
	Kind   string `json:"kind"` // "full" or "lora"
	// Base is the base model that an adapter names, or that a full model's config does.
	Base         string `json:"base,omitempty"`
	Architecture string `json:"architecture,omitempty"`
	Put          string `json:"put"` // RFC 3339, UTC
}

// Output returns the artifact of that name.
func (r *Step) Output(name string) (Artifact, error) {
	for _, a := range r.Outputs {
		if a.Name == name {
			return a, nil
		}
	}
	return Artifact{}, fmt.Errorf("step %s/%d has no output %q", r.Step, r.Shard, name)
}
