// Package dataset describes an export: the manifest that finetune-export writes
// beside its files, and that the report reads.
package dataset

import (
	"fmt"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

// A Manifest describes an export; docs/export.md explains its fields. Lineage
// stands here because trainers refuse rows with columns they do not know.
type Manifest struct {
	Format     int    `json:"format"`
	Experiment string `json:"experiment"`
	// Simulated is set when a stand-in for a model had part in any row.
	Simulated bool     `json:"simulated"`
	Prompt    Prompt   `json:"prompt"`
	Sources   []Source `json:"sources"`
	// Models are the real ones of the gym, by role.
	Models []Model `json:"models,omitempty"`
	// Benchmark is set when the experiment evaluates candidates.
	Benchmark *Benchmark `json:"benchmark,omitempty"`
	Split     Split      `json:"split"`
	Sets      []Set      `json:"sets"`
	Files     []File     `json:"files"` // all but the manifest
}

// A Prompt says which texts the rows are made of.
type Prompt struct {
	Version    int `json:"version"`    // of the project's prompts
	Candidates int `json:"candidates"` // tasks that the agent may propose a turn
	MaxHistory int `json:"maxHistory"` // events that a prompt keeps; 0: all
	// Own are digests of the experiment's own texts, by role: what the rows' system texts
	// are made of in place of the project's.
	Own map[string]store.Digest `json:"own,omitempty"`
}

// A Model played a role in the sessions that rows are of.
type Model struct {
	Role string `json:"role"`
	*llm.Asked
	// AnsweredBy are the models that answered, as their provider named them.
	AnsweredBy []string `json:"answeredBy,omitempty"`
}

// A Source sums a source.
type Source struct {
	Name      string `json:"name"`      // "gym" or "proactivebench"
	Traces    int    `json:"traces"`    // with judged rows
	Rows      int    `json:"rows"`      // verdicts, and what else it gives that is broken, not judged or held out
	Simulated int    `json:"simulated"` // traces that a stand-in had part in
}

// A Benchmark counts the rows whose history has an event of the benchmark, by set.
type Benchmark struct {
	Traces int `json:"traces"`
	Events int `json:"events"`
	// Similarity is the one from which an event is the benchmark's, and Unfinished counts
	// the searches for one that were given up; see package similar.
	Similarity float64        `json:"similarity"`
	Unfinished int            `json:"unfinished,omitempty"`
	Rejected   map[string]int `json:"rejected"` // left out of a set that trains candidates
	Kept       map[string]int `json:"kept"`     // written to a set that trains judges
}

// A Split says how traces were split; traces.jsonl lists them.
type Split struct {
	Validation float64        `json:"validation"` // the share asked for
	Seed       uint64         `json:"seed"`
	Traces     map[string]int `json:"traces"` // by split
	// Alone says that all traces share a scene or a seed task, and were split all the same.
	Alone bool `json:"alone,omitempty"`
}

// A Set sums a set.
type Set struct {
	Name string `json:"name"`
	// Systems are the system texts that written rows start with.
	Systems []System    `json:"systems"`
	Rows    rows.Counts `json:"rows"`
	// Classes counts the written rows by class and split.
	Classes map[string]map[string]int `json:"classes"`
	Tokens  Tokens                    `json:"tokens"`
	// Redacted are the sources whose rows have placeholders for personal data and
	// secrets, and Placeholders counts the written rows that hold one, by kind: also of
	// what models wrote that were sent placeholders.
	Redacted     []string       `json:"redacted,omitempty"`
	Placeholders map[string]int `json:"placeholders,omitempty"`
}

// A System counts the rows that start with a system text.
type System struct {
	Digest store.Digest `json:"digest"` // of the text
	Rows   int          `json:"rows"`
}

// A Tokens estimates which rows a trainer will cut.
type Tokens struct {
	Estimate string         `json:"estimate"` // the rule
	Cutoff   int            `json:"cutoff"`   // tokens, as the recipes set it
	Longest  int            `json:"longest"`  // estimated tokens of the longest row
	Over     map[string]int `json:"over"`     // rows expected above the cutoff, by split
}

// Warnings say in plain words what is to be known of the rows.
func (m *Manifest) Warnings() []string {
	if !m.Split.Alone {
		return m.TooLong()
	}
	return append(m.TooLong(), "validation: all traces share one scene or seed task, so its sessions are on both sides, and validation will look better than it is: "+
		"add scenes, or set export.validation to 0")
}

// TooLong says what a trainer would do to the rows.
func (m *Manifest) TooLong() []string {
	var list []string
	for _, s := range m.Sets {
		over, all := 0, 0
		for _, n := range s.Tokens.Over {
			over += n
		}
		for _, bySplit := range s.Classes {
			for _, n := range bySplit {
				all += n
			}
		}
		if over > 0 {
			list = append(list, fmt.Sprintf("%s: %s of %s are longer than the %s tokens that the recipes allow (the longest has about %s), and trainers cut or drop them: raise cutoff_len and max_length, or set export.maxHistory or export.overlong",
				s.Name, text.Count(over), text.Plural(all, "row"), text.Count(s.Tokens.Cutoff), text.Count(s.Tokens.Longest)))
		}
	}
	return list
}

// A File describes one file.
type File struct {
	Path    string `json:"path"`
	Trainer string `json:"trainer,omitempty"`
	Family  string `json:"family,omitempty"`
	Set     string `json:"set,omitempty"`
	Split   string `json:"split,omitempty"`
	// Template is the chat template that the trainer is told to use.
	Template string `json:"template,omitempty"`
	// Systems are the system texts as this file's rows have them.
	Systems []System     `json:"systems,omitempty"`
	Rows    int          `json:"rows,omitempty"`
	Bytes   int64        `json:"bytes"`
	Digest  store.Digest `json:"digest"`
}
