package trace

import (
	"cmp"
	"fmt"
)

// A Curation is what the job curate left out of the gym's rows, and why.
type Curation struct {
	// Duplicates and Leakage are the similarities that were asked for, and
	// MinAccepted, MaxAccepted and Quota what each domain had to keep to.
	Duplicates  float64 `json:"duplicates"`
	Leakage     float64 `json:"leakage"`
	MinAccepted float64 `json:"minAccepted"`
	MaxAccepted float64 `json:"maxAccepted"`
	Quota       int     `json:"quota"`
	// Scenes is how many there are, and SceneDuplicates how many of them are
	// near-duplicates of an earlier one.
	Scenes          int `json:"scenes"`
	SceneDuplicates int `json:"sceneDuplicates"`
	// BenchmarkEvents is how many events rows were compared to.
	BenchmarkEvents int `json:"benchmarkEvents"`
	// Inputs are what went into the gym, held against the benchmark.
	Inputs []LeakingInput `json:"inputs,omitempty"`
	// Unfinished is how many searches for near-duplicates and leaks were given up,
	// because too many texts share much and are not alike; see package similar.
	Unfinished int `json:"unfinished,omitempty"`
	// Total is of all domains, which come in alphabetical order.
	Total   CurationTally   `json:"total"`
	Domains []CurationTally `json:"domains"`
	// Pairs are those nearest to the thresholds, by cause.
	Pairs []CurationPair `json:"pairs"`
}

// Warnings say what was not done.
func (c *Curation) Warnings() (list []string) {
	for _, in := range c.Inputs {
		if in.Events > 0 && !in.Dropped {
			list = append(list, "curate: "+in.Said(c.BenchmarkEvents)+", so the gym was shown what candidates are scored on; "+in.Advice())
		}
	}
	if c.Unfinished == 0 {
		return list
	}
	return append(list, fmt.Sprintf("curate: too many texts share most of their words and are not alike, so %d searches for near-duplicates and leaks were given up, and some may be left; "+
		"a higher curate.duplicates or curate.leakage makes them shorter", c.Unfinished))
}

// What goes into the gym.
const (
	SampleEvents   = "sample events"
	SceneExamples  = "examples of finished scenes"
	WrittenScenes  = "examples of written scenes"
	SystemPrompts  = "lines of prompts"
	writtenByModel = "the gym's scenes"
)

// A LeakingInput counts what of one source that goes into the gym is in the benchmark.
type LeakingInput struct {
	What string `json:"what"`
	File string `json:"file,omitempty"`
	// Texts is how many there are, and Alike how many of them are like an event.
	Texts int `json:"texts"`
	Alike int `json:"alike"`
	// Events of the benchmark are like one of them, and Same to the letter.
	Events int `json:"events"`
	Same   int `json:"same"`
	// Dropped says that the gym did not use what is alike.
	Dropped bool `json:"dropped,omitempty"`
}

// Said is the count in words, where the benchmark has so many events.
func (l LeakingInput) Said(events int) string {
	return fmt.Sprintf("%d of %d %s (%s) are like events of the benchmark (%d of its %d, %d to the letter)",
		l.Alike, l.Texts, l.What, cmp.Or(l.File, writtenByModel), l.Events, events, l.Same)
}

// Advice is what to do about it.
func (l LeakingInput) Advice() string {
	switch l.What {
	case SystemPrompts:
		return "take them out of the prompt"
	case WrittenScenes:
		return "the model copied sample events, or knows the benchmark"
	}
	return "generate.scenes.leaks: drop leaves them out"
}

// A CurationTally counts the rows of a domain.
type CurationTally struct {
	Domain string    `json:"domain,omitempty"`
	Before RowShare  `json:"before"`
	After  RowShare  `json:"after"`
	Causes []CauseOf `json:"causes"` // of rows that were left out, in the order they are looked for
}

// A CauseOf counts the rows that were left out for a cause.
type CauseOf struct {
	Cause string `json:"cause"`
	Rows  int    `json:"rows"`
}

// A RowShare is rows, and of how many the verdict is yes.
type RowShare struct {
	Rows     int `json:"rows"`
	Accepted int `json:"accepted"`
	// Share is Accepted/Rows, 0 without rows.
	Share float64 `json:"share"`
}

// Add counts rows.
func (s *RowShare) Add(rows, accepted int) {
	s.Rows += rows
	s.Accepted += accepted
	if s.Rows > 0 {
		s.Share = float64(s.Accepted) / float64(s.Rows)
	}
}

// A CurationPair is what was left out, and what it is like.
type CurationPair struct {
	Cause      string  `json:"cause"`
	ID         string  `json:"id"`
	Like       string  `json:"like"`
	Similarity float64 `json:"similarity"`
	Text       string  `json:"text"`
	LikeText   string  `json:"likeText"`
}
