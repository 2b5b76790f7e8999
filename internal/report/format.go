package report

import (
	"fmt"
	"html/template"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/origin"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/series"
	"github.com/gymline/gymline/internal/statistics"
	"github.com/gymline/gymline/internal/text"
)

var funcs = template.FuncMap{
	"pct":            pct,
	"count":          text.Count[int],
	"count64":        text.Count[int64],
	"bytes":          text.Bytes,
	"auc":            func(v float64) string { return fmt.Sprintf("%.3f", v) },
	"decimal":        decimal,
	"score":          func(v float64) string { return fmt.Sprintf("%.2f", v) },
	"p":              pValue,
	"signed":         signed,
	"signedInterval": signedInterval,
	"adjustment":     adjustment,
	"deref":          func(v *float64) float64 { return *v },
	"interval":       interval,
	"plural":         text.Plural[int],
	"texts":          textsOf,
	"linesOf":        promptLines,
	"each":           each,
	"last":           func(list []float64) float64 { return list[len(list)-1] },
	"confidence":     func(c float64) string { return fmt.Sprintf("%.4g%%", 100*c) },
	"outcome":        func(o string) string { return outcomes[o] },
	"judge":          judge,
	"versions":       versions,
	"tiles":          tiles,
	"simulated":      simulated,
	"extent":         extent,
	"standIns":       standIns,
	"ranked":         ranked,
	"askedModels":    askedModels,
	"join":           func(list []string) string { return strings.Join(list, ", ") },
	"domains":        domains,
	"f1Plot":         f1Plot,
	"scatter":        scatterOf,
	"outcomeBars":    outcomeBars,
	"deltaPlot":      deltaPlot,
	"timed":          timed,
	"needBars":       needBars,
	"costsOf":        costsOf,
	"differing":      differing,
	"rewardPlot":     rewardPlot,
	"judgements":     judgements,
	"unproven":       unproven,
	"rewardWorth":    rewardVerdict,
	"gymBars":        gymBars,
	"gymRows":        gymRows,
	"roleRows":       statistics.RoleRows,
	"ledgerBars":     ledgerBars,
	"causes":         causes,
	"runTiles":       runTiles,
	"timeline":       timelineOf,
	"rowBars":        rowBars,
	"causeBars":      causeBars,
	"tokenBars":      tokenBars,
	"sessionBars":    sessionBars,
	"short":          text.Short[int64],
	"dollars":        dollars,
	"seconds":        seconds,
	"stamp":          stampOf,
	"perDollars":     func(v *float64) string { return perRow(v, dollars) },
	"perTokens":      func(v *float64) string { return perRow(v, func(n float64) string { return text.Short(int64(n)) }) },
	"share":          shareOf,

	"courseOf":    courseOf,
	"latestFirst": latestFirst,
	"dayOf":       func(p series.Point) string { return dayOf(&p) },
	"stateOf":     func(p series.Point) string { return stateOf(&p) },
	"signedOf":    func(v *float64) string { return signed(*v) },

	"originFacts": originFacts,
	"anyReported": func(list []origin.Model) bool {
		return slices.ContainsFunc(list, func(m origin.Model) bool { return m.Reported != nil })
	},
	"anyPriced": func(list []origin.Model) bool {
		return slices.ContainsFunc(list, func(m origin.Model) bool { return m.Price != nil })
	},
	"trainFacts": trainFacts,

	"leftOut": leftOut,
	"inWords": inWords,
	"sentence": func(s string) string {
		first, size := utf8.DecodeRuneInString(s)
		return string(unicode.ToUpper(first)) + s[size:]
	},

	"curationCauses": curationCauses,
	"curationBars":   curationBars,
	"curationRows":   curationRows,
}

// outcomes explains the cells of the confusion matrix.
var outcomes = map[string]string{
	"TP": "proposal accepted", "FP": "proposal rejected", "TN": "rightly silent", "FN": "help missed",
}

func judge(e *metrics.Evaluation) string {
	switch e.Judge {
	case plan.JudgeRewardModel:
		return "the reward model of this run"
	case plan.JudgeRecorded:
		return "recorded verdicts"
	case plan.JudgeLLM:
		by := "the language model " + e.JudgeModel + versions(e.JudgedBy)
		if e.JudgePrompt != nil {
			by += " by the prompt " + e.JudgePrompt.String()
		}
		return by
	}
	return e.Judge
}

// versions are what a provider named beside its answers.
func versions(models []string) string {
	if models == nil {
		return ""
	}
	return " (" + strings.Join(models, ", ") + ")"
}

// pct is a share in [0,1] in percent, to one decimal.
func pct(v float64) string { return fmt.Sprintf("%.1f", 100*v) }

// interval is a pair of shares in percent.
func interval(ci *[2]float64) string { return text.Interval(ci) }

// around are the ends of an interval of a value, which is both where there is none.
func around(v float64, ci *[2]float64) [2]float64 {
	if ci == nil {
		return [2]float64{v, v}
	}
	return *ci
}

// adjustment names how p-values were adjusted.
func adjustment(e *metrics.Evaluation) string {
	if e.Adjust != "" {
		return "false discovery rate"
	}
	return "Holm"
}

// signedInterval is one of a difference.
func signedInterval(ci *[2]float64) string {
	if ci == nil {
		return text.Interval(nil)
	}
	return "[" + signed(ci[0]) + ", " + signed(ci[1]) + "]"
}

// signed is a difference of shares in percentage points, with a real minus.
func signed(v float64) string {
	s := fmt.Sprintf("%+.1f", 100*v)
	if s == "-0.0" {
		s = "+0.0"
	}
	return strings.Replace(s, "-", "−", 1)
}

func pValue(p float64) string {
	if p < 0.001 {
		return "<0.001"
	}
	return fmt.Sprintf("%.3f", p)
}

// percent writes a position as SVG takes it; no number that is not finite breaks a
// chart.
func percent(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v = 0
	}
	return fmt.Sprintf("%.2f%%", v)
}

// dollars is a sum in a table; a dash where nothing was paid, or nothing has a price.
func dollars(usd float64) string {
	if usd == 0 {
		return "–"
	}
	return text.Dollars(usd)
}

// seconds is a time for people: <0.1 s, 0.4 s, 42 s, 3 min 5 s, 2 h 14 min.
func seconds(v float64) string {
	d := time.Duration(max(v, 0) * float64(time.Second))
	switch {
	case v == 0:
		return "0"
	case d < 50*time.Millisecond:
		return "<0.1 s"
	case d < 9950*time.Millisecond:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + " s"
	case d.Round(time.Second) < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d.Round(time.Second) < time.Hour:
		return pair(int(d.Round(time.Second).Seconds()), 60, "min", "s")
	}
	return pair(int(d.Round(time.Minute).Minutes()), 60, "h", "min")
}

func pair(n, of int, large, small string) string {
	if n%of == 0 {
		return fmt.Sprintf("%d %s", n/of, large)
	}
	return fmt.Sprintf("%d %s %d %s", n/of, large, n%of, small)
}

func stampOf(s string) string {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return s
	}
	return t.UTC().Format("2 January 2006, 15:04 UTC")
}

// perRow is a figure for each accepted row; a dash where there is none.
func perRow(v *float64, format func(float64) string) string {
	if v == nil {
		return "–"
	}
	return format(*v)
}

// shareOf is a part in percent; a dash of nothing.
func shareOf(part, whole int64) string {
	if whole == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f%%", 100*float64(part)/float64(whole))
}

// each lists shares in percent.
func each(list []float64) string {
	var all []string
	for _, v := range list {
		all = append(all, pct(v))
	}
	return strings.Join(all, " ")
}

// decimal has a digit after the point where the number is small enough for it to tell.
func decimal(v float64) string {
	if v >= 1000 {
		return text.Count(int64(math.Round(v)))
	}
	return fmt.Sprintf("%.1f", v)
}

// learned is where a warning of an artifact's has a large number as digits alone.
var learned = regexp.MustCompile(`of the \d{4,} that`)

// inWords says for people what artifacts name by a field.
func inWords(s string) string {
	switch s {
	case "maxEvents":
		return "the session was cut off at its most events (maxEvents)"
	}
	s = learned.ReplaceAllStringFunc(s, func(n string) string {
		v, err := strconv.Atoi(strings.Fields(n)[2])
		if err != nil {
			return n
		}
		return "of the " + text.Count(v) + " that"
	})
	return strings.NewReplacer("Use traceHeldOut", "Go by whole traces held out", "traceHeldOut", "whole traces held out").Replace(s)
}
