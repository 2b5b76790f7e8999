package metrics

import (
	"fmt"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
)

// Version is the version of the Evaluation format.
const Version = 1

// FewTraces is the number of traces below which an Evaluation says that they are few.
const FewTraces = 30

// What follows from few traces: of intervals by Student's t, and of those by drawing.
const (
	Wide   = "intervals are wide, and only large differences can be found"
	Narrow = "below about 30, intervals come out too narrow, and only large differences can be found"
)

// An Evaluation is evaluate's metrics.json: candidates scored on the same judged
// events, and every pair of them compared. Scores are in [0,1].
type Evaluation struct {
	Version int `json:"version"`
	// Judge is who accepted or rejected: a plan.Judge kind, and for a language
	// model its name in the experiment.
	Judge      string `json:"judge"`
	JudgeModel string `json:"judgeModel,omitempty"`
	// JudgeAsked says what a real model was asked to judge as.
	JudgeAsked *llm.Asked `json:"judgeAsked,omitempty"`
	// JudgedBy are the models that judged, as their provider named them beside the verdicts.
	JudgedBy []string `json:"judgedBy,omitempty"`
	// JudgePrompt is the text that it judged by, where it is the experiment's own.
	JudgePrompt *plan.PromptName `json:"judgePrompt,omitempty"`
	// JudgeTraining is what a trained judge learned from; absent of other judges.
	JudgeTraining *JudgeTraining `json:"judgeTraining,omitempty"`
	// Simulated is set when a stand-in answered or judged anywhere.
	Simulated bool `json:"simulated"`
	Traces    int  `json:"traces"`
	// Events is the number of judged events, the same ones for every candidate.
	Events int `json:"events"`
	// Unjudged is how many benchmark events the judge gave no verdict on, and so
	// nobody is scored on.
	Unjudged int `json:"unjudged"`
	// Resamples is how many ways to swap traces a test draws, where it does not try all.
	Resamples  int     `json:"resamples"`
	Confidence float64 `json:"confidence"`
	// Repeats is how often each model answered, where that is more than once.
	Repeats int `json:"repeats,omitempty"`
	// Baseline is the candidate that all others are compared with; "": every pair is.
	Baseline string `json:"baseline,omitempty"`
	// Adjust is how p-values are adjusted for one another where that is not Holm's way.
	Adjust string `json:"adjust,omitempty"`
	// Detectable is the smallest difference in F1 that these traces would show in any
	// comparison in 80% of repetitions (the largest of the comparisons'); absent where one
	// of them has none.
	Detectable *float64 `json:"detectable,omitempty"`
	// Timing tells of need labels, where there are any: then candidates have timings, too.
	Timing *Timing `json:"timing,omitempty"`
	// Frozen is the recorded candidate that nights are held against, and Anchors how the
	// judge rules on what people labelled; both only where drift is watched for.
	Frozen      string       `json:"frozen,omitempty"`
	Anchors     *Anchors     `json:"anchors,omitempty"`
	Warnings    []string     `json:"warnings"`
	Candidates  []Candidate  `json:"candidates"`  // as the experiment lists them
	Comparisons []Comparison `json:"comparisons"` // pairs in that order, or with the baseline first
}

// JudgeTraining says how near to its training a judge is used.
type JudgeTraining struct {
	// Proposals is how many judged proposals it was trained on, and Accepted the
	// share of them that people, or the gym's user, accepted.
	Proposals int     `json:"proposals"`
	Accepted  float64 `json:"accepted"`
	// Seen is how many of the benchmark's events, judged or not, were among them.
	Seen int `json:"seen"`
}

// A Score is counts and what follows from them; its fields stand for the
// methods of Counts that have their names.
type Score struct {
	Events int `json:"events"`
	Counts
	Recall     float64 `json:"recall"`
	Precision  float64 `json:"precision"`
	Accuracy   float64 `json:"accuracy"`
	FalseAlarm float64 `json:"falseAlarm"`
	F1         float64 `json:"f1"`
}

// ScoreOf scores counts.
func ScoreOf(c Counts) Score {
	return Score{
		Events: c.N(), Counts: c, Recall: c.Recall(), Precision: c.Precision(),
		Accuracy: c.Accuracy(), FalseAlarm: c.FalseAlarm(), F1: c.F1(),
	}
}

// A Candidate is one system's result: its score, and those of its parts, have the counts
// of all its repeats, and of each score the mean over them.
type Candidate struct {
	Name string `json:"name"`
	Score
	// F1CI is F1Interval at the evaluation's confidence; absent where there is none.
	F1CI *[2]float64 `json:"f1CI,omitempty"`
	*Repetition
	// Unanswered is how many events a recorded model has no answer for: they
	// count as silence, like all others.
	Unanswered int `json:"unanswered"`
	// Failed is how many answers stayed malformed after every repair: no
	// proposal reached the user, so they count as silence too.
	Failed int `json:"failed"`
	// Control is how many proposals and events hold control tokens of chat
	// templates, which models were sent taken apart.
	Control int `json:"controlTokens,omitempty"`
	// Alike is how many proposals end on the same five words, where that is half of
	// them and more: what pleases a judge whatever was proposed.
	Alike int `json:"alike,omitempty"`
	// Proposals is how many single proposals the judge ruled on, and Acceptance
	// the share that it accepted. Of several after one event it rules on those up
	// to the first that it accepts, so with one task a turn this is the precision.
	Proposals  int     `json:"proposals"`
	Acceptance float64 `json:"acceptance"`
	Simulated  bool    `json:"simulated"`
	// Timing is when it offers, where the evaluation has one.
	Timing *CandidateTiming `json:"timing,omitempty"`
	// Asked says what a real model was asked as.
	Asked *llm.Asked `json:"asked,omitempty"`
	// AnsweredBy are the models that answered, as their provider named them beside the
	// answers; none of recorded answers and stand-ins.
	AnsweredBy []string `json:"answeredBy,omitempty"`
	// Prompt is the text that it was asked with, where it is the experiment's own.
	Prompt *plan.PromptName `json:"prompt,omitempty"`
	// Domains are in alphabetical order, ByTrace in the benchmark's.
	Domains []Group `json:"domains"`
	ByTrace []Group `json:"byTrace"`
}

// A Repetition tells of a candidate that answered more than once.
type Repetition struct {
	Repeats int `json:"repeats"`
	// F1ByRepeat are the repeats' own, and F1SD their sample standard deviation.
	F1ByRepeat []float64 `json:"f1ByRepeat"`
	F1SD       float64   `json:"f1SD"`
	// PassK and PassAtK are of k = 1 to Repeats: see Passes. An answer is right that
	// counts as TP or TN.
	PassK   []float64 `json:"passK"`
	PassAtK []float64 `json:"passAtK"`
}

// A Group is a part of the events: a domain or a trace.
type Group struct {
	Name   string `json:"name"`
	Domain string `json:"domain,omitempty"` // of a trace
	Score
}

// A Comparison is candidate B against candidate A on the same traces.
type Comparison struct {
	A string `json:"a"`
	B string `json:"b"`
	// Delta is F1(B) - F1(A), and CI its F1DifferenceInterval; absent where there is none.
	Delta float64     `json:"delta"`
	CI    *[2]float64 `json:"ci,omitempty"`
	// P is of the trace randomisation test, and PHolm is adjusted for all comparisons of
	// the evaluation; so is PRate, after Benjamini and Hochberg, where that was asked for.
	// Different says that PRate, or else PHolm, is at most 1-confidence.
	P         float64  `json:"p"`
	PHolm     float64  `json:"pHolm"`
	PRate     *float64 `json:"pRate,omitempty"`
	Different bool     `json:"different"`
	// Detectable is the smallest true difference that these traces would show in 80% of
	// repetitions, among so many comparisons; absent where Detectable finds none.
	Detectable *float64 `json:"detectable,omitempty"`
}

// Few returns the warning for what is scored on too few independent units, such as
// a "trace", and what follows; or "".
func Few(n int, unit, so string) string {
	are := "s are"
	switch {
	case n >= FewTraces:
		return ""
	case n == 1:
		are = " is"
	}
	return fmt.Sprintf("%d %s%s few: %s", n, unit, are, so)
}
