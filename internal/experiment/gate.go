package experiment

import (
	"fmt"

	"github.com/gymline/gymline/internal/plan"
)

// A GateRule is what candidates must come to.
type GateRule struct {
	_                struct{} `doc:"What candidates must come to." exactly:"minF1,maxDrop,significantDrop,maxVerdictChange,drift"`
	MinF1            *float64 `json:"minF1,omitempty" min:"0" max:"100" doc:"The least F1, in points."`
	MaxDrop          *float64 `json:"maxDrop,omitempty" min:"0" max:"100" doc:"Points that F1 may be below that of the run it is compared with."`
	SignificantDrop  bool     `json:"significantDrop,omitempty" enum:"true" doc:"F1 may be lower than there only as far as that may be chance, by a paired test over traces at 1 - statistics.confidence, adjusted for all such tests of the gate."`
	MaxVerdictChange *float64 `json:"maxVerdictChange,omitempty" min:"0" max:"1" doc:"Share of the events answered as in the run it is compared with on which the verdict may be another."`
	Drift            bool     `json:"drift,omitempty" enum:"true" doc:"The series of nights up to this one gives no alarm of drift, by what evaluate.drift watches (docs/nights.md)."`
	Candidate        string   `json:"candidate,omitempty" ref:"candidate" doc:"The candidate that it is of, by name; of every one unless given."`
	Against          string   `json:"against,omitempty" rule:"against" doc:"The run to compare with: previous, the last one before that has scores; best:N, of the last N the one with the candidate's highest F1; or a run or tag by name. previous unless given."`
}

func isAgainst(s string) bool {
	_, best := plan.BestOf(s)
	return best || len(s) < 5 || s[:5] != "best:"
}

// Gate is the rules as a run knows them.
func (s *Spec) Gate() (rules []plan.GateRule) {
	if s.Evaluate == nil {
		return nil
	}
	for _, r := range s.Evaluate.Gate {
		rules = append(rules, plan.GateRule{
			MinF1: r.MinF1, MaxDrop: r.MaxDrop, SignificantDrop: r.SignificantDrop, MaxVerdictChange: r.MaxVerdictChange, Drift: r.Drift,
			Candidate: r.Candidate, Against: r.Against,
		})
	}
	return rules
}

func (l *loader) checkGate(rules []GateRule, watched bool) {
	for i, r := range rules {
		if path := fmt.Sprintf("spec.evaluate.gate[%d].drift", i); r.Drift && !watched && l.ok(path) {
			l.wrong(path, "looks at what evaluate.drift watches, which is not there", "add evaluate.drift with a baseline, anchors, or both")
		}
		if path := fmt.Sprintf("spec.evaluate.gate[%d].against", i); r.Drift && l.ok(path) && r.Against != "" {
			l.wrong(path, "is the run to compare with, and drift looks at all nights before", "remove it, or use maxDrop")
		} else if path := fmt.Sprintf("spec.evaluate.gate[%d].against", i); r.MinF1 != nil && l.ok(path) {
			l.wrong(path, "is the run to compare with, and minF1 compares with none", "remove it, or use maxDrop")
		} else if _, best := plan.BestOf(r.Against); best && r.SignificantDrop {
			l.wrong(path, "is a run that was chosen for its luck too, so that a test against it finds drops where there are none", "compare with previous or a tag, or use maxDrop")
		}
	}
}
