package series

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/drift"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// A measured is what a fabricated night measures.
type measured struct {
	ours, frozen         float64
	accepted             int // of 300 anchors
	answeredBy, judgedBy string
	baseline             store.Digest // the input that the frozen answers come from
}

// watched records a night of an experiment that watches for drift.
func (w *world) watched(n int, m measured) store.RunID {
	w.Helper()
	w.now = first.AddDate(0, 0, n)
	share := func(params any, sources ...plan.File) plan.Share {
		data, err := json.Marshal(params)
		w.ok(err)
		return plan.Share{Params: data, Sources: sources}
	}
	pb := plan.File{Input: "pb", Path: "."}
	p := &plan.Plan{Version: plan.Version, Experiment: "watched", Digest: "d", Inputs: map[string]store.Digest{"pb": m.baseline}, Steps: []plan.Step{
		{Name: plan.JobPredict, Job: plan.JobPredict, Format: 1, Shards: 2, Each: []plan.Share{
			share(plan.Predict{Candidate: plan.Candidate{Name: "ours"}}), share(plan.Predict{Candidate: plan.Candidate{Name: "frozen", Recorded: &pb}}, pb),
		}},
		{Name: plan.JobAnchors, Job: plan.JobAnchors, Format: 1, Shards: 1, Share: share(plan.Anchors{Rows: 300})},
		{Name: plan.JobEvaluate, Job: plan.JobEvaluate, Format: 1, Shards: 1},
	}}
	p, err := p.AskAnew([]string{plan.AnewCandidates, plan.AnewJudge}, fmt.Sprint("night ", n))
	w.ok(err)
	d, err := run.NewDraft(p, nil, run.Execution{}, false)
	w.ok(err)
	id, err := w.Open(w.Context(), d, nil)
	w.ok(err)
	data, err := json.Marshal(metrics.Evaluation{
		Version: metrics.Version, Judge: plan.JudgeLLM, JudgeModel: "judge", JudgedBy: []string{m.judgedBy}, Traces: 12, Events: 240, Confidence: .95,
		Frozen: "frozen", Anchors: &metrics.Anchors{Rows: 300, Accepted: m.accepted, Agreed: 210},
		Candidates: []metrics.Candidate{
			{Name: "ours", Score: metrics.Score{F1: m.ours}, AnsweredBy: []string{m.answeredBy}}, {Name: "frozen", Score: metrics.Score{F1: m.frozen}},
		},
	})
	w.ok(err)
	digest, err := w.PutBlob(w.Context(), data)
	w.ok(err)
	w.ok(w.CommitStep(w.Context(), store.Step{Run: id, Step: plan.JobEvaluate, WorkKey: "e", Outputs: []store.Artifact{{Name: plan.MetricsOutput, Digest: digest, Bytes: int64(len(data))}}}))
	w.ok(w.Seal(w.Context(), id, store.Succeeded))
	return id
}

// TestNightsOfDrift: the verdict stands on the night on which it can be known, says who
// changed, and is the same when it is asked of that night alone; the frozen answers have
// none, and another judge moves both scores, so that it is not the candidate's.
func TestNightsOfDrift(t *testing.T) {
	calm := func(n int) measured {
		return measured{ours: .7 + .01*float64(n*37%11)/11, frozen: .65, accepted: 120 + n*5%7, answeredBy: "c-1", judgedBy: "j-1", baseline: "b"}
	}
	for _, tt := range []struct {
		name, want, says string
		change           func(*measured)
	}{
		{"calm", "", "", func(*measured) {}},
		{"worse", "system watched-30", "in the last 5 nights ours scored 10.", func(m *measured) { m.ours -= .1 }},
		{"another version", "provider watched-30", "answered by c-2 (was c-1) since watched-26", func(m *measured) { m.ours, m.answeredBy = m.ours-.1, "c-2" }},
		{"another judge", "judge watched-33", "judged by j-2 (was j-1) since watched-26", func(m *measured) {
			m.ours, m.frozen, m.accepted, m.judgedBy = m.ours-.1, m.frozen-.1, m.accepted-30, "j-2"
		}},
		{"another baseline", "", "", func(m *measured) { m.ours, m.baseline = m.ours-.1, "b2" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, store.NewMem())
			for n := range 34 {
				m := calm(n)
				if n >= 25 {
					tt.change(&m)
				}
				w.watched(n, m)
			}
			nights, err := Of(w.Context(), w.Store, "watched", w.now)
			w.ok(err)
			found := Drift(nights, "ours")
			var alarms []string
			for i := range nights {
				n := &nights[i]
				s, ok := found[n.ID]
				if !ok {
					t.Fatalf("%s is not watched", n.ID)
				}
				if alone := DriftOf(Before(nights, n.ID), n, "ours"); alone == nil || alone.String() != s.String() {
					t.Errorf("%s says %v, and asked alone %v", n.ID, s, alone)
				}
				if s.Verdict != drift.None {
					alarms = append(alarms, s.Verdict+" "+string(n.ID))
					if !strings.Contains(s.String(), tt.says) {
						t.Errorf("%s says %q, want %q", n.ID, s.String(), tt.says)
					}
				}
			}
			if got := strings.Join(alarms, ", "); got != tt.want {
				t.Errorf("alarms %q, want %q", got, tt.want)
			}
			if len(Drift(nights, "frozen")) > 0 {
				t.Error("the frozen answers are watched")
			}
			for _, l := range Lines(nights) {
				if l.Watched() != (l.Candidate == "ours") {
					t.Errorf("%s: watched %v", l.Candidate, l.Watched())
				}
			}
		})
	}
}
