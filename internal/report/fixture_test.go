package report

import (
	"fmt"
	"math/rand/v2"

	"github.com/gymline/gymline/internal/dataset"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/rewardmodel"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/trace"
)

// hostile is text that must never reach a browser as anything but text.
const hostile = `</script><script>alert("x")</script><img src=x onerror=alert(1)> "quoted" & 'single' {{.}}`

// fixture is a run of the usual size: four candidates on 233 events in 12 traces.
func fixture() *Data {
	return &Data{
		Title: "proactivebench", Experiment: "proactivebench",
		Digest: "sha256:4be1c0a7d7c1e7ab0b9a3d1f0e55ac7bd6c2ab44f3adfbb6c3e5b8d92d0c1f7a", Seed: 7,
		Evaluation: fixtureEvaluation(), Reward: fixtureReward(), Gym: fixtureGym(), Samples: fixtureSamples(),
		Export: &Export{
			Summary: "4,148 rows for llama-factory and trl",
			Facts:   []Fact{{"gym", "3,112 rows, 240 traces"}, {"validation split", "24 traces"}, {"agent in benchmark", "1,230 left out"}},
			Files: []dataset.File{
				{Path: "llama-factory/llama3.1/agent-train.jsonl", Rows: 1204, Bytes: 5_210_442},
				{Path: "llama-factory/llama3.1/agent-validation.jsonl", Rows: 133, Bytes: 571_020},
				{Path: "llama-factory/llama3.1/dataset_info.json", Bytes: 1204},
				{Path: "trl/qwen2.5/reward-train.jsonl", Rows: 2811, Bytes: 12_400_100},
			},
		},
		Ledger: []rows.Counts{
			{Stage: "generate", Planned: 240, Accepted: 221, Truncated: 16, Failed: 3, Yields: 3112, Causes: map[string]int{"maxEvents": 16, "environment: answer is not JSON after 2 repairs": 3}},
			{Stage: "reward", Planned: 4861, Accepted: 4861, Yields: 4861},
			{Stage: "finetune-export", Planned: 3112, Accepted: 1337, Rejected: 1712, Truncated: 63, Yields: 5600, Causes: map[string]int{"proposal rejected": 1508, "silence rejected": 204, "history cut to 20 events": 63}},
			{Stage: "predict", Planned: 932, Accepted: 931, Failed: 1, Yields: 931, Causes: map[string]int{"answer is not JSON after 2 repairs": 1}},
		},
	}
}

func fixtureEvaluation() *metrics.Evaluation {
	e := &metrics.Evaluation{
		Version: 1, Judge: "reward-model", Simulated: true, Traces: 12, Events: 233, Resamples: 2000, Confidence: 0.95,
		Warnings: []string{metrics.Few(12, "trace", metrics.Wide), "events without a recorded answer count as silence: llama3.1-8b 6 of 233"},
	}
	e.JudgeTraining = &metrics.JudgeTraining{Proposals: 1387, Accepted: 0.342, Seen: 233}
	detectable := 0.127
	e.Detectable = &detectable
	sizes := []int{14, 17, 25, 12, 22, 31, 19, 16, 21, 18, 23, 15}
	for _, m := range []struct {
		name       string
		eager      float64
		good, calm float64
		ci         [2]float64
	}{
		{"gpt-4o-mini", 0.86, 0.46, 0.35, [2]float64{0.515, 0.662}},
		{"gpt-4o", 0.70, 0.55, 0.55, [2]float64{0.574, 0.708}},
		{"llama3.1-8b", 0.93, 0.41, 0.2, [2]float64{0.486, 0.641}},
		{"careful", 0.37, 0.78, 0.7, [2]float64{0.528, 0.693}},
	} {
		rng := rand.New(rand.NewPCG(uint64(len(m.name)), 11))
		c := metrics.Candidate{Name: m.name, F1CI: &m.ci, Simulated: m.name == "careful"}
		domains := map[string]metrics.Counts{}
		var total metrics.Counts
		for i, n := range sizes {
			var sum metrics.Counts
			good := m.good + 0.3*(rng.Float64()-0.5)
			for range n {
				proposed := rng.Float64() < m.eager
				chance := m.calm
				if proposed {
					chance = good
				}
				sum = sum.Add(metrics.Of(proposed, rng.Float64() < chance))
			}
			domain := []string{"coding", "writing"}[i/6]
			c.ByTrace = append(c.ByTrace, metrics.Group{Name: fmt.Sprintf("%s_%d", domain, 11+i%6), Domain: domain, Score: metrics.ScoreOf(sum)})
			domains[domain] = domains[domain].Add(sum)
			total = total.Add(sum)
		}
		for _, d := range []string{"coding", "writing"} {
			c.Domains = append(c.Domains, metrics.Group{Name: d, Score: metrics.ScoreOf(domains[d])})
		}
		c.Score = metrics.ScoreOf(total)
		c.Proposals, c.Acceptance = total.TP+total.FP, c.Precision
		e.Candidates = append(e.Candidates, c)
	}
	e.Candidates[2].Unanswered = 6
	for i, a := range e.Candidates {
		for _, b := range e.Candidates[i+1:] {
			delta := b.F1 - a.F1
			half := 0.075
			p := 0.31
			if delta > 0.1 || delta < -0.1 {
				p = 0.0005
			}
			e.Comparisons = append(e.Comparisons, metrics.Comparison{
				A: a.Name, B: b.Name, Delta: delta, CI: &[2]float64{delta - half, delta + half}, P: p, PHolm: min(1, 6*p), Different: p < 0.01, Detectable: &detectable,
			})
		}
	}
	return e
}

func fixtureReward() *rewardmodel.Metrics {
	result := func(rows, traces int, c metrics.Counts, auc, half float64, note string) rewardmodel.Result {
		s := metrics.ScoreOf(c)
		return rewardmodel.Result{
			Rows: rows, Traces: traces, F1: s.F1, F1CI: [2]float64{s.F1 - half, s.F1 + half}, Accuracy: s.Accuracy, Precision: s.Precision, Recall: s.Recall,
			AUC: auc, AUCCI: [2]float64{auc - half, min(auc+half, 1)}, TP: c.TP, FP: c.FP, TN: c.TN, FN: c.FN, Note: note,
		}
	}
	official := result(120, 16, metrics.Counts{TP: 54, FP: 22, TN: 38, FN: 6}, 0.831, 0.06, "trained on the source's train rows, scored on its test rows; leaky: 120 of 120 test rows have their exact history among the training rows")
	lookup := result(120, 16, metrics.Counts{TP: 57, FP: 6, TN: 54, FN: 3}, 0.925, 0.04, "understands nothing")
	cv := result(1629, 16, metrics.Counts{TP: 640, FP: 310, TN: 420, FN: 259}, 0.766, 0.03, "the training rows, each scored by a model and a threshold that never saw its trace")
	official.Leaky, lookup.Leaky = true, true
	return &rewardmodel.Metrics{
		TraceHeldOut: result(120, 16, metrics.Counts{TP: 52, FP: 25, TN: 35, FN: 8}, 0.793, 0.078, "the source's test rows, each scored by a model, a vocabulary and a threshold that never saw its trace"),
		Official:     &official, CrossValidation: &cv,
		Baselines: rewardmodel.Baselines{
			AlwaysAccept: result(120, 16, metrics.Counts{TP: 60, FP: 60}, 0.5, 0, ""), AlwaysReject: result(120, 16, metrics.Counts{TN: 60, FN: 60}, 0.5, 0, ""),
			SiblingLookup: &lookup,
		},
		Leakage: &rewardmodel.Leakage{TestRows: 120, SameHistory: 120, SameTrace: 120, LookupF1: lookup.F1,
			Note: "120 of 120 test rows have their exact history among the training rows; looking up that row's need scores F1 0.927 with no understanding of text"},
		Data: []rewardmodel.Data{{Source: "proactivebench", Split: "train", Rows: 1629, Traces: 16, Proposals: 1100, Silences: 529, Accepted: 870},
			{Source: "gym", Rows: 310, Traces: 24, Proposals: 224, Silences: 86, Accepted: 190}},
		Confidence: 0.95, Warnings: []string{metrics.Few(16, "trace", metrics.Narrow)},
	}
}

func fixtureGym() *trace.Stats {
	s := &trace.Stats{}
	for i := range 24 {
		domain := []string{"coding", "writing", "daily life"}[i%3]
		e := &trace.Episode{Scene: fmt.Sprint(i), End: "goal", Trace: trace.Trace{Domain: domain}}
		if i%7 == 0 {
			e.End = "maxEvents"
		}
		for k := range 11 + i%5 {
			turn := trace.Turn{Event: trace.Event{Text: "x"}, Activity: k / 3, Failure: k%9 == 8, Judgement: &trace.Judgement{Accepted: (k+i)%3 > 0}}
			if k%4 > 0 {
				turn.Proposals = []string{"p"}
				turn.Judgement.Accepted = (k+i)%(2+i%3) > 0
				turn.Execution = make([]trace.Operation, 2)
				turn.Execution[0].OK = true
			}
			e.Turns = append(e.Turns, turn)
		}
		s.Add(e)
	}
	return s
}

func fixtureSamples() *Samples {
	score := func(v float64) *float64 { return &v }
	events := []string{
		"The user opens a spreadsheet named 'harvest-2024.xlsx' and scrolls to the third sheet.",
		"The user searches the web for 'how to average every seventh row'.",
		"The user copies a formula from a forum answer into cell D12.",
		"The cell shows #VALUE!. " + hostile,
	}
	var t SampleTrace
	t.ID, t.Domain, t.Cut = "coding_11", "coding", 9
	for i, e := range events {
		t.Turns = append(t.Turns, SampleTurn{Time: fmt.Sprintf("17173779%02d.744", i), Event: e, Answers: []Answer{
			{Candidate: "gpt-4o", Proposals: []string{"Offer a formula that averages every seventh row of the sheet."}, Outcome: []string{"FP", "TP", "TP", "TP"}[i], Score: score(0.21 + 0.2*float64(i)), Reason: "the task shares no rare word with the last event"},
			{Candidate: "careful", Outcome: []string{"TN", "FN", "TN", ""}[i], Score: score(0.7 - 0.1*float64(i)), Reason: "no search or error in the last three events"},
		}})
	}
	return &Samples{Traces: []SampleTrace{t, {ID: hostile, Turns: t.Turns[3:]}}, Note: "The first 2 of 12 traces."}
}
