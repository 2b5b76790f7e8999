package evaluate

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/text"
)

// warnings says in plain words what a reader of the table must know.
func warnings(e *metrics.Evaluation, params plan.Evaluate) []string {
	list := []string{}
	if w := metrics.Few(e.Traces, "trace", metrics.Wide); w != "" {
		list = append(list, w)
	}
	list = append(list, aboutPower(e)...)
	if e.Unjudged > 0 {
		list = append(list, fmt.Sprintf("%d of %d events have no verdict and nobody is scored on them", e.Unjudged, e.Unjudged+e.Events))
	}
	if unanswered := perCandidate(e, func(c metrics.Candidate) int { return c.Unanswered }); unanswered != "" {
		list = append(list, fmt.Sprintf("events without a recorded answer count as silence: %s of %s", unanswered, asked(e)))
	}
	if failed := perCandidate(e, func(c metrics.Candidate) int { return c.Failed }); failed != "" {
		list = append(list, fmt.Sprintf("events with an answer that could not be used count as silence: %s of %s", failed, asked(e)))
	}
	if control := perCandidate(e, func(c metrics.Candidate) int { return c.Control }); control != "" {
		list = append(list, "proposals or events hold control tokens of chat templates, and were sent with them taken apart: "+control)
	}
	if alike := perCandidate(e, func(c metrics.Candidate) int { return c.Alike }); alike != "" {
		list = append(list, "most proposals end with the same words, and such a suffix can please a judge whatever was proposed: "+alike)
	}
	list = append(append(list, params.Alike()...), aboutVersions(e)...)
	list = append(list, aboutJudge(e)...)
	if e.Simulated {
		list = append(list, "simulated: a stand-in answered or judged, so the scores say nothing about any real model")
	}
	return list
}

// asked is how many events each model was asked about.
func asked(e *metrics.Evaluation) string {
	if e.Repeats > 1 {
		return fmt.Sprintf("%d in each of %d repeats", e.Events+e.Unjudged, e.Repeats)
	}
	return strconv.Itoa(e.Events + e.Unjudged)
}

// aboutVersions says where a model was not the same one all the time.
func aboutVersions(e *metrics.Evaluation) (list []string) {
	several := func(who string, versions []string) {
		if len(versions) > 1 {
			list = append(list, fmt.Sprintf("%s was several models, by what its provider said beside its answers: %s", who, strings.Join(versions, ", ")))
		}
	}
	for _, c := range e.Candidates {
		several(c.Name, c.AnsweredBy)
	}
	several("the judge", e.JudgedBy)
	return list
}

// perCandidate lists the candidates that have some of what is counted; "" when
// none has.
func perCandidate(e *metrics.Evaluation, count func(metrics.Candidate) int) string {
	var list []string
	for _, c := range e.Candidates {
		if n := count(c); n > 0 {
			list = append(list, fmt.Sprintf("%s %d", c.Name, n))
		}
	}
	return strings.Join(list, ", ")
}

// farApart is a difference of acceptance rates that sampling does not explain.
const farApart = 0.2

// aboutJudge says where a trained judge is used on what it knows already, or
// on proposals that may be unlike those it knows.
func aboutJudge(e *metrics.Evaluation) []string {
	t := e.JudgeTraining
	if t == nil {
		return nil
	}
	var list []string
	if t.Seen > 0 {
		list = append(list, fmt.Sprintf("%d of %d events occur in the judge's training data", t.Seen, e.Events+e.Unjudged))
	}
	var far []string
	for _, c := range e.Candidates {
		if c.Proposals > 0 && math.Abs(c.Acceptance-t.Accepted) > farApart {
			far = append(far, fmt.Sprintf("%s %.0f%%", c.Name, 100*c.Acceptance))
		}
	}
	if far != nil {
		list = append(list, fmt.Sprintf("the judge's acceptance of proposals (%s) is far from the %.0f%% of the %d that it learned from: they are better or worse, or the judge is wrong about what it does not know",
			strings.Join(far, ", "), 100*t.Accepted, t.Proposals))
	}
	return list
}

// fewHits is the number of traces with a hit below which no interval of F1 that was tried
// holds the truth as often as it says.
const fewHits = 5

// aboutPower says where nothing could have been found, and where no interval is right.
func aboutPower(e *metrics.Evaluation) (list []string) {
	if least := metrics.SmallestHolm(len(e.Comparisons), e.Traces); e.Adjust == "" && len(e.Comparisons) > 0 && least > 1-e.Confidence {
		way := "take more traces"
		if e.Baseline == "" && len(e.Candidates) > 2 {
			way = "name an evaluate.baseline, compare fewer candidates, or " + way
		}
		list = append(list, fmt.Sprintf("%s cannot tell %d candidates apart: the smallest p that %s can come to is %.3g, above %.3g; %s",
			text.Plural(e.Traces, "trace"), len(e.Candidates), text.Plural(len(e.Comparisons), "comparison"), least, metrics.Round(1-e.Confidence, 6), way))
	}
	if hits := perCandidate(e, hitsBelow); hits != "" && e.Traces >= fewHits {
		list = append(list, fmt.Sprintf("in fewer than %d traces something was right, so that no interval is to be trusted: %s of %d traces", fewHits, hits, e.Traces))
	}
	if none := without(e); none != nil {
		list = append(list, "nothing says how F1 varies from trace to trace, so there is no interval: "+strings.Join(none, ", "))
	}
	return list
}

// hitsBelow is in how many traces a candidate has a hit, where these are few; else 0.
func hitsBelow(c metrics.Candidate) (n int) {
	for _, tr := range c.ByTrace {
		if tr.TP > 0 {
			n++
		}
	}
	if n >= fewHits {
		return 0
	}
	return n
}

// without names the candidates that have no interval.
func without(e *metrics.Evaluation) (names []string) {
	for _, c := range e.Candidates {
		if c.F1CI == nil {
			names = append(names, c.Name)
		}
	}
	return names
}
