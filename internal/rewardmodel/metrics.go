package rewardmodel

import "github.com/gymline/gymline/internal/metrics"

// Metrics is reward's output metrics.json.
type Metrics struct {
	Format int `json:"format"` // 1
	// TraceHeldOut is the honest protocol: each row is scored by a model that
	// never saw its group, at a threshold that the group's scores had no part in.
	// It covers the source's own test rows where there are some, else all rows.
	TraceHeldOut Result `json:"traceHeldOut"`
	// Official trains on the source's train rows and scores its test rows with
	// the model that is stored; absent when there are no test rows.
	Official *Result `json:"official,omitempty"`
	// CrossValidation is TraceHeldOut over the training rows, which thresholds
	// and features were chosen by; absent where it is TraceHeldOut itself.
	CrossValidation *Result   `json:"crossValidation,omitempty"`
	Baselines       Baselines `json:"baselines"`
	// Leakage is present when there are test rows.
	Leakage *Leakage `json:"leakage,omitempty"`
	// Data counts the rows by source and split, in the order they came.
	Data       []Data   `json:"data"`
	Simulated  bool     `json:"simulated"`
	Folds      int      `json:"folds"`
	Resamples  int      `json:"resamples"`
	Confidence float64  `json:"confidence"`
	Warnings   []string `json:"warnings,omitempty"`
}

// A Result is how verdicts agree with labels. The positive class is an accepted
// row, be it a proposal or a silence. Every value lies in [0,1]; the intervals
// are of the bootstrap over groups.
type Result struct {
	Rows   int `json:"n"`
	Traces int `json:"traces"`
	// Groups is the number of independent groups; see trace.Judged.
	Groups int `json:"groups"`
	// Thresholds are those of the stored model; absent of baselines. Under
	// held-out protocols each group has its own, between the two of ThresholdRange.
	Thresholds     *Thresholds    `json:"thresholds,omitempty"`
	ThresholdRange *[2]Thresholds `json:"thresholdRange,omitempty"`
	F1             float64        `json:"f1"`
	F1CI           [2]float64     `json:"f1CI"`
	Accuracy       float64        `json:"accuracy"`
	AccuracyCI     [2]float64     `json:"accuracyCI"`
	AUC            float64        `json:"auc"`
	AUCCI          [2]float64     `json:"aucCI"`
	Precision      float64        `json:"precision"`
	PrecisionCI    [2]float64     `json:"precisionCI"`
	Recall         float64        `json:"recall"`
	RecallCI       [2]float64     `json:"recallCI"`
	TP             int            `json:"tp"`
	FP             int            `json:"fp"`
	TN             int            `json:"tn"`
	FN             int            `json:"fn"`
	// Proposals and Silences are the two kinds of row by themselves; they come
	// from two regressions and differ in difficulty.
	Proposals Kind `json:"proposals"`
	Silences  Kind `json:"silences"`
	// Leaky is set when the result overstates what the model can do, and Note says why.
	Leaky bool   `json:"leaky"`
	Note  string `json:"note"`
}

// A Kind is a part of a result. AUC is 0.5 when its rows are of one class.
type Kind struct {
	Rows     int     `json:"n"`
	Accepted int     `json:"accepted"` // by label
	Model    int     `json:"model"`    // how many the model accepts
	Accuracy float64 `json:"accuracy"`
	AUC      float64 `json:"auc"`
}

func (k Kind) acceptance() Acceptance {
	n := float64(k.Rows)
	return Acceptance{k.Rows, metrics.Round(ratio(float64(k.Accepted), n), scoreDecimals), metrics.Round(ratio(float64(k.Model), n), scoreDecimals)}
}

// Baselines score the rows of TraceHeldOut without a model.
type Baselines struct {
	AlwaysAccept Result `json:"alwaysAccept"`
	AlwaysReject Result `json:"alwaysReject"`
	// SiblingLookup answers a test row with what a training row of the very same
	// history says about need, and rejects rows that have none; present when the
	// split leaks.
	SiblingLookup *Result `json:"siblingLookup,omitempty"`
}

// Leakage says how far test rows can be answered by looking them up.
type Leakage struct {
	TestRows int `json:"testRows"`
	// SameHistory counts test rows whose exact history is also a training row's;
	// SameTrace those whose trace is.
	SameHistory int `json:"sameHistory"`
	SameTrace   int `json:"sameTrace"`
	// LookupF1 is SiblingLookup's F1; 0 without any leak.
	LookupF1 float64 `json:"lookupF1"`
	Note     string  `json:"note"`
}

// Data counts rows of a source and split.
type Data struct {
	Source    string `json:"source"`
	Split     string `json:"split,omitempty"`
	Rows      int    `json:"rows"`
	Traces    int    `json:"traces"`
	Proposals int    `json:"proposals"`
	Silences  int    `json:"silences"`
	Accepted  int    `json:"accepted"`
}
