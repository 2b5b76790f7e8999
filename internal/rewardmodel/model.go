// Package rewardmodel is a small linear model that accepts or rejects what a
// proactive agent did after a user's event: features of the words, the timing
// and the task, ridge regression, and a threshold. It trains the same bytes from
// the same rows, judges in time linear in the history, and says why.
package rewardmodel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Format is the version of the model's JSON. It covers the meaning of every
// feature name; docs/reward-model.md is the specification.
const Format = 2

// A Model is a fitted reward model: reward's output model.json.
type Model struct {
	Format int `json:"format"`
	// Task predicts whether a proposal is accepted, Need whether any help is
	// wanted; both in [0,1] after clipping. Silence scores 1 - Need.
	Task       Linear     `json:"task"`
	Need       Linear     `json:"need"`
	Thresholds Thresholds `json:"thresholds"`
	Vocabulary Vocabulary `json:"vocabulary"`
	Training   Training   `json:"training"`

	taskFeatures []feature[*offer] // of Task.Columns
	needFeatures []feature[*moment]
}

// Training is where a model comes from and what it reached.
type Training struct {
	Groups     int     `json:"groups"` // independent ones; see trace.Judged
	Proposals  int     `json:"proposals"`
	Turns      int     `json:"turns"` // with a known need
	TaskLambda float64 `json:"taskLambda"`
	NeedLambda float64 `json:"needLambda"`
	Folds      int     `json:"folds"`
	// Simulated is set when a stand-in made or judged any row.
	Simulated bool `json:"simulated"`
	// TraceHeldOut sums up the honest protocol; see Metrics.
	TraceHeldOut Summary `json:"traceHeldOut"`
	// AcceptedProposals and AcceptedSilences compare the labels of the training
	// rows with the model's own held-out verdicts on them.
	AcceptedProposals Acceptance `json:"acceptedProposals"`
	AcceptedSilences  Acceptance `json:"acceptedSilences"`
	// Events tells which events the model was trained on; see Model.Seen.
	Events eventSet `json:"events"`
}

// An Acceptance says what share of some rows was accepted, in [0,1].
type Acceptance struct {
	Rows  int     `json:"n"`
	Label float64 `json:"label"` // by people, or by the gym's user
	Model float64 `json:"model"`
}

// A Summary is a protocol in a line.
type Summary struct {
	Rows     int     `json:"n"`
	F1       float64 `json:"f1"`
	Accuracy float64 `json:"accuracy"`
	AUC      float64 `json:"auc"`
}

// Load reads a model of this format. A model may lack features that this version
// knows, but not hold others.
func Load(data []byte) (*Model, error) {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("reward model: not JSON: %w", err)
	}
	if head.Format != Format {
		return nil, fmt.Errorf("reward model: format %d is not %d: use the gymline that wrote it, or train again", head.Format, Format)
	}
	m := new(Model)
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(m); err != nil {
		return nil, fmt.Errorf("reward model: %w", err)
	}
	if err := m.bind(); err != nil {
		return nil, fmt.Errorf("reward model: %w", err)
	}
	if len(m.Training.Events)%eventBytes != 0 {
		return nil, errors.New("reward model: the training events are cut off")
	}
	return m, nil
}

// bind finds the features that the columns name.
func (m *Model) bind() (err error) {
	if m.taskFeatures, err = bind(m.Task.Columns, taskFeatures); err != nil {
		return fmt.Errorf("task model: %w", err)
	}
	if m.needFeatures, err = bind(m.Need.Columns, needFeatures); err != nil {
		return fmt.Errorf("need model: %w", err)
	}
	return nil
}

func bind[T any](columns []Column, known []feature[T]) ([]feature[T], error) {
	out := make([]feature[T], len(columns))
	for i, c := range columns {
		k := slices.IndexFunc(known, func(f feature[T]) bool { return f.name == c.Name })
		if k < 0 {
			return nil, fmt.Errorf("unknown feature %q: another version of gymline wrote it; train again", c.Name)
		}
		if c.Scale <= 0 {
			return nil, fmt.Errorf("feature %q: scale %v is not above 0", c.Name, c.Scale)
		}
		if c.Weight != 0 && c.Min >= c.Max {
			return nil, fmt.Errorf("feature %q weighs %v, and its range is empty: another version of gymline wrote it; train again", c.Name, c.Weight)
		}
		out[i] = known[k]
	}
	return out, nil
}
