package report

import (
	"fmt"
	"slices"

	"github.com/gymline/gymline/internal/rewardmodel"
)

// A judgement is one way to tell accepted from rejected rows, and how well it
// did: the reward model under a protocol, or a trivial baseline on the same rows.
type judgement struct {
	Judge, Protocol string
	Baseline        bool
	*rewardmodel.Result
}

// judgements lists them, the honest protocol first.
func judgements(m *rewardmodel.Metrics) []judgement {
	const model, held, official = "reward model", "whole traces held out", "official split"
	list := []judgement{
		{model, held, false, &m.TraceHeldOut},
		{"always accept", held, true, &m.Baselines.AlwaysAccept},
		{"always reject", held, true, &m.Baselines.AlwaysReject},
	}
	if m.Official != nil {
		list = append(list, judgement{model, official, false, m.Official})
	}
	if m.Baselines.SiblingLookup != nil {
		list = append(list, judgement{"look up the same history", official, true, m.Baselines.SiblingLookup})
	}
	if m.CrossValidation != nil {
		list = append(list, judgement{model, "training rows, cross-validated", false, m.CrossValidation})
	}
	return list
}

// rewardVerdict says what a reward model is worth that has no higher F1 than always
// accepting; "" of one that has.
func rewardVerdict(m *rewardmodel.Metrics) string {
	held, always := &m.TraceHeldOut, &m.Baselines.AlwaysAccept
	if always.Rows == 0 || held.F1 > always.F1 {
		return ""
	}
	f1 := fmt.Sprintf("F1 %s, and always accepting has %s", pct(held.F1), pct(always.F1))
	accuracy := fmt.Sprintf("accuracy %s against %s", pct(held.Accuracy), pct(always.Accuracy))
	if held.Accuracy > always.Accuracy {
		return "The reward model does not beat always accepting by F1: " + f1 + ". It does by accuracy, " + accuracy[len("accuracy "):] + "; AUC is " + fmt.Sprintf("%.3f.", held.AUC)
	}
	return "The reward model is useless as a judge: " + f1 + "; " + accuracy + "."
}

// rewardNote stands beside the model's F1: never without what no model has.
func rewardNote(m *rewardmodel.Metrics) string {
	note := fmt.Sprintf("AUC %.3f, whole traces held out", m.TraceHeldOut.AUC)
	if always := &m.Baselines.AlwaysAccept; always.Rows > 0 {
		note = "always accept " + pct(always.F1) + "; " + note
	}
	return note
}

// rewardPlot shows their F1 on one axis, but for those that are 0 by construction.
func rewardPlot(m *rewardmodel.Metrics) *forest {
	list := slices.DeleteFunc(judgements(m), func(j judgement) bool { return j.Baseline && j.F1 == 0 })
	var values []float64
	for _, j := range list {
		values = append(values, j.F1, j.F1CI[0], j.F1CI[1])
	}
	f, s := newForest(values, 0, 1, whole)
	for _, j := range list {
		row := forestRow{
			Name: j.Judge, Note: j.Protocol, Value: pct(j.F1) + " " + interval(&j.F1CI),
			HasInterval: j.F1CI[0] < j.F1CI[1], X: s.x(j.F1), Lo: s.x(j.F1CI[0]), Hi: s.x(j.F1CI[1]),
			Title: fmt.Sprintf("%s, %s: F1 %s, interval %s to %s", j.Judge, j.Protocol, pct(j.F1), pct(j.F1CI[0]), pct(j.F1CI[1])),
		}
		switch {
		case j.Baseline && j.Leaky:
			row.Class = "baseline leaky"
		case j.Baseline:
			row.Class = "baseline"
		case j.Leaky:
			row.Class = "leaky"
		}
		f.Rows = append(f.Rows, row)
	}
	return f
}
