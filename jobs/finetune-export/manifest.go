package finetuneexport

import (
	"slices"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/store"
)

// tracesFile says for each trace which split it is in.
const tracesFile = "traces.jsonl"

type traceLine struct {
	Source string         `json:"source"`
	Trace  string         `json:"trace"`
	Split  string         `json:"split"`
	Rows   map[string]int `json:"rows"` // lines written, by set
}

// A Manifest describes an export; docs/export.md explains its fields. Lineage
// stands here because trainers refuse rows with columns they do not know.
type Manifest struct {
	Format     int    `json:"format"`
	Experiment string `json:"experiment"`
	// Simulated is set when a stand-in for a model had part in any row.
	Simulated bool         `json:"simulated"`
	Prompt    PromptInfo   `json:"prompt"`
	Sources   []SourceInfo `json:"sources"`
	// Benchmark is set when the experiment evaluates candidates.
	Benchmark *BenchmarkInfo `json:"benchmark,omitempty"`
	Split     SplitInfo      `json:"split"`
	Sets      []SetInfo      `json:"sets"`
	Files     []FileInfo     `json:"files"` // all but the manifest
}

// A PromptInfo says which texts the rows are made of.
type PromptInfo struct {
	Version    int `json:"version"`    // of the project's prompts
	Candidates int `json:"candidates"` // tasks that the agent may propose a turn
	MaxHistory int `json:"maxHistory"` // events that a prompt keeps; 0: all
}

// A SourceInfo sums a source.
type SourceInfo struct {
	Name      string `json:"name"`      // "gym" or "proactivebench"
	Traces    int    `json:"traces"`    // with judged rows
	Rows      int    `json:"rows"`      // verdicts, and what else it gives that is broken, not judged or held out
	Simulated int    `json:"simulated"` // traces that a stand-in had part in
}

// A BenchmarkInfo counts the rows whose history shares an event, by time and
// text, with the benchmark, by set.
type BenchmarkInfo struct {
	Traces   int            `json:"traces"`
	Events   int            `json:"events"`   // distinct ones
	Rejected map[string]int `json:"rejected"` // left out of a set that trains candidates
	Kept     map[string]int `json:"kept"`     // written to a set that trains judges
}

// A SplitInfo says how traces were split; traces.jsonl lists them.
type SplitInfo struct {
	Validation float64        `json:"validation"` // the share asked for
	Seed       uint64         `json:"seed"`
	Traces     map[string]int `json:"traces"` // by split
}

// A SetInfo sums a set.
type SetInfo struct {
	Name string `json:"name"`
	// Systems are the system texts that written rows start with.
	Systems []SystemInfo `json:"systems"`
	Rows    rows.Counts  `json:"rows"`
	// Classes counts the written rows by class and split.
	Classes map[string]map[string]int `json:"classes"`
	Tokens  TokenForecast             `json:"tokens"`
}

// A SystemInfo counts the rows that start with a system text.
type SystemInfo struct {
	Digest store.Digest `json:"digest"` // of the text
	Rows   int          `json:"rows"`
}

// A TokenForecast estimates which rows a trainer will cut.
type TokenForecast struct {
	Estimate string         `json:"estimate"` // the rule
	Cutoff   int            `json:"cutoff"`   // tokens, as the recipes set it
	Longest  int            `json:"longest"`  // estimated tokens of the longest row
	Over     map[string]int `json:"over"`     // rows expected above the cutoff, by split
}

// A FileInfo describes one file.
type FileInfo struct {
	Path    string `json:"path"`
	Trainer string `json:"trainer,omitempty"`
	Family  string `json:"family,omitempty"`
	Set     string `json:"set,omitempty"`
	Split   string `json:"split,omitempty"`
	// Template is the chat template that the trainer is told to use.
	Template string `json:"template,omitempty"`
	// Systems are the system texts as this file's rows have them.
	Systems []SystemInfo `json:"systems,omitempty"`
	Rows    int          `json:"rows,omitempty"`
	Bytes   int64        `json:"bytes"`
	Digest  store.Digest `json:"digest"`
}

func (s *SetInfo) count(split string, o outcome) {
	if s.Classes[o.class] == nil {
		s.Classes[o.class] = map[string]int{}
	}
	s.Classes[o.class][split]++
	s.Systems = count(s.Systems, o.messages[0].Content)
	n := tokens(o.messages)
	s.Tokens.Longest = max(s.Tokens.Longest, n)
	if n > s.Tokens.Cutoff {
		s.Tokens.Over[split]++
	}
}

// count adds a row that starts with a system text.
func count(list []SystemInfo, system string) []SystemInfo {
	digest := digestText(system)
	i := slices.IndexFunc(list, func(s SystemInfo) bool { return s.Digest == digest })
	if i < 0 {
		i, list = len(list), append(list, SystemInfo{Digest: digest})
	}
	list[i].Rows++
	return list
}

// written is how many rows of the set a split has.
func (s *SetInfo) written(split string) int {
	n := 0
	for _, bySplit := range s.Classes {
		n += bySplit[split]
	}
	return n
}

// tokenEstimate is what tokens does, in words.
const tokenEstimate = "1 a digit, 1 a non-ASCII character, 1 for 4 other characters, 5 a message"

// tokens estimates a row's length. Qwen2.5 counts 0.86 to 1.02 times as many on
// the rows of ProactiveBench, whose times are long numbers; a quarter of the
// bytes would be too few by up to 1.7 times.
func tokens(messages []llm.Message) int {
	whole, others := 0, 0
	for _, m := range messages {
		whole += 5
		for _, c := range m.Content {
			if c >= '0' && c <= '9' || c > 127 {
				whole++
			} else {
				others++
			}
		}
	}
	return whole + (others+3)/4
}

func digestText(s string) store.Digest { return store.DigestOf([]byte(s)) }
