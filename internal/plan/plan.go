// Package plan is what a run will do, as plain data: the DAG of steps with
// everything their outputs depend on. Engines and jobs read it; nothing in it
// says where or how fast.
package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/store"
)

// Version is the plan format's version.
const Version = 1

// A Plan is a DAG of steps in topological order.
type Plan struct {
	Version    int          `json:"version"`
	Experiment string       `json:"experiment"`       // its name
	Digest     store.Digest `json:"experimentDigest"` // over the resolved spec and the inputs' content
	Seed       uint64       `json:"seed"`
	// Inputs maps a named input to the digest of its tree.
	Inputs map[string]store.Digest `json:"inputs"`
	// Anew is set where recorded answers do not count.
	Anew *Anew `json:"anew,omitempty"`
	// Prompts are the experiment's own texts, in order of name. What steps do depends
	// on the texts, which are parameters, and not on what they are called.
	Prompts []Prompt `json:"prompts,omitempty"`
	Steps   []Step   `json:"steps"`
}

// A Step is one job, run once for each shard.
type Step struct {
	Name   store.StepName `json:"name"`
	Job    string         `json:"job"`
	Format int            `json:"format"` // the job's output format; raising it invalidates its memo
	Shards int            `json:"shards"`
	// Inputs are outputs of earlier steps, which must finish first.
	Inputs []Input `json:"inputs,omitempty"`
	// Share is what every shard does. When shards differ in kind, Each holds what
	// each does instead, and a shard's work depends on its own share, not on how
	// many others there are.
	Share
	Each []Share `json:"each,omitempty"`
}

// A Share is what a shard does besides reading the step's inputs.
type Share struct {
	// Params are the job's parameters, of the type that this package names after it.
	Params json.RawMessage `json:"params,omitempty"`
	// Sources are what it reads of the experiment's named inputs, and all it can read.
	Sources []File `json:"sources,omitempty"`
	// Models names the experiment's models that it calls: whose keys it needs.
	Models []string `json:"models,omitempty"`
	// Also are outputs of earlier steps that it reads beside the step's inputs.
	Also []Input `json:"also,omitempty"`
}

// An Input is an output of an earlier step: of all its shards, in shard order.
type Input struct {
	Name   string         `json:"name"` // what the job calls it
	Step   store.StepName `json:"step"`
	Output string         `json:"output"`
}

// After returns the names of the steps that must finish before s.
func (s *Step) After() []store.StepName {
	var after []store.StepName
	add := func(inputs []Input) {
		for _, in := range inputs {
			if !slices.Contains(after, in.Step) {
				after = append(after, in.Step)
			}
		}
	}
	add(s.Inputs)
	add(s.Also)
	for _, share := range s.Each {
		add(share.Also)
	}
	return after
}

// Reads returns the outputs of earlier steps that a shard reads.
func (s *Step) Reads(shard int) []Input { return slices.Concat(s.Inputs, s.Of(shard).Also) }

// Of returns the share of one shard.
func (s *Step) Of(shard int) Share {
	if s.Each != nil {
		return s.Each[shard]
	}
	return s.Share
}

// Step returns the step of that name, or nil.
func (p *Plan) Step(name store.StepName) *Step {
	for i := range p.Steps {
		if p.Steps[i].Name == name {
			return &p.Steps[i]
		}
	}
	return nil
}

// Encode returns the plan's canonical JSON, which its digest is taken over.
func (p *Plan) Encode() ([]byte, error) { return canonical.JSON(p) }

// Decode reads a plan and refuses one of a later version.
func Decode(data []byte) (*Plan, error) {
	var p Plan
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	if p.Version != Version {
		return nil, fmt.Errorf("plan: version %d, and this gymline reads version %d", p.Version, Version)
	}
	for _, s := range p.Steps {
		if s.Shards < 1 || s.Each != nil && len(s.Each) != s.Shards {
			return nil, fmt.Errorf("plan: step %s: %d shards, and shares for %d", s.Name, s.Shards, len(s.Each))
		}
	}
	return &p, nil
}

// A Resolved is one input or source of a shard with its content pinned.
type Resolved struct {
	Name string `json:"name"`
	// Digests are of every shard that wrote an input, in order, or of a source.
	Digests []store.Digest `json:"digests"`
}

// WorkKey identifies the work of one shard by all that its outputs depend on:
// step, job, format, parameters, the content of what it reads, seed, and its
// position among the shards unless it has a share of its own.
func (s *Step) WorkKey(seed uint64, shard int, reads []Resolved) (store.WorkKey, error) {
	position, of := shard, s.Shards
	if s.Each != nil {
		position, of = 0, 1
	}
	data, err := canonical.JSON(struct {
		Step   store.StepName  `json:"step"`
		Job    string          `json:"job"`
		Format int             `json:"format"`
		Params json.RawMessage `json:"params"`
		Reads  []Resolved      `json:"reads"`
		Seed   uint64          `json:"seed"`
		Shard  int             `json:"shard"`
		Shards int             `json:"shards"`
	}{s.Name, s.Job, s.Format, s.Of(shard).Params, reads, seed, position, of})
	if err != nil {
		return "", fmt.Errorf("work key of %s/%d: %w", s.Name, shard, err)
	}
	return store.WorkKey(store.DigestOf(data)), nil
}

// Ref is a command line's way to name an output: STEP/OUTPUT or STEP/SHARD/OUTPUT.
type Ref struct {
	Step   store.StepName
	Shard  int // -1: all shards
	Output string
}

// ParseRef reads a Ref. Output names may contain slashes.
func ParseRef(s string) (Ref, error) {
	step, rest, ok := strings.Cut(s, "/")
	if !ok || step == "" || rest == "" {
		return Ref{}, fmt.Errorf("%q: want STEP/OUTPUT or STEP/SHARD/OUTPUT", s)
	}
	if head, tail, ok := strings.Cut(rest, "/"); ok {
		if n, err := strconv.Atoi(head); err == nil && n >= 0 {
			return Ref{store.StepName(step), n, tail}, nil
		}
	}
	return Ref{store.StepName(step), -1, rest}, nil
}
