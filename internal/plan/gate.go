package plan

import (
	"fmt"
	"strconv"
	"strings"
)

// A GateRule is what a candidate's result must come to; exactly one of the first five
// is set. It is no part of a plan: it changes no work.
type GateRule struct {
	MinF1            *float64 `json:"minF1,omitempty"`   // in points
	MaxDrop          *float64 `json:"maxDrop,omitempty"` // in points
	SignificantDrop  bool     `json:"significantDrop,omitempty"`
	MaxVerdictChange *float64 `json:"maxVerdictChange,omitempty"` // a share
	Drift            bool     `json:"drift,omitempty"`            // an alarm breaks it
	// Candidate is whom it is of; "": every one.
	Candidate string `json:"candidate,omitempty"`
	// Against is the run to compare with: previous (or ""), best:N, or a run or tag.
	Against string `json:"against,omitempty"`
}

// AgainstPrevious is the run before.
const AgainstPrevious = "previous"

const bestOf = "best:"

// MostBest bounds the runs that a rule looks for the best among.
const MostBest = 999

// BestOf is N of best:N; ok is false of other texts.
func BestOf(against string) (n int, ok bool) {
	s, ok := strings.CutPrefix(against, bestOf)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 1 && n <= MostBest && strconv.Itoa(n) == s
}

// Named is the run or tag that the rule compares with, "" where it names none.
func (r *GateRule) Named() string {
	if _, best := BestOf(r.Against); best || r.Against == AgainstPrevious || !r.Compares() {
		return ""
	}
	return r.Against
}

// Compares reports whether the rule holds a run against another one.
func (r *GateRule) Compares() bool { return r.MinF1 == nil && !r.Drift }

// String is the rule as the config has it.
func (r *GateRule) String() string {
	number := func(name string, v float64) string {
		return name + ": " + strconv.FormatFloat(v, 'g', -1, 64)
	}
	switch {
	case r.MinF1 != nil:
		return number("minF1", *r.MinF1)
	case r.MaxDrop != nil:
		return number("maxDrop", *r.MaxDrop)
	case r.MaxVerdictChange != nil:
		return number("maxVerdictChange", *r.MaxVerdictChange)
	case r.Drift:
		return "drift: true"
	}
	return fmt.Sprintf("significantDrop: %t", r.SignificantDrop)
}
