package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/text"
	"github.com/gymline/gymline/internal/trace"
)

// A bar is one whole cut into coloured parts.
type bar struct {
	Name, Value, Title string
	Parts              []part
}

type part struct {
	X, Width, Middle string
	Label            string // "" where it would not fit
	Title            string // whether it fits or not
	Class            string
}

// sliver is the least width, in percent, at which a part of something large is seen.
const sliver = 0.4

// fits is the share of the width, in percent, from which a part has room for its label,
// in half a page's chart.
func fits(label string) float64 { return 1.5 + 1.9*float64(len(label)) }

// A share is a part of a bar before it is placed.
type share struct {
	what, class string
	n           int
}

// barOf cuts the whole width.
func barOf(name, value string, shares []share) bar {
	total := 0
	for _, s := range shares {
		total += s.n
	}
	return scaled(name, value, shares, total, text.Count[int])
}

// scaled fills as much of the width as the shares are of the whole.
func scaled(name, value string, shares []share, whole int, label func(int) string) bar {
	b := bar{Name: name, Value: value, Title: name + ":"}
	at, least, sum := 0.0, 0.0, 0
	for _, s := range shares {
		sum += s.n
	}
	if sum < whole {
		least = sliver
	}
	for i, s := range shares {
		if i > 0 {
			b.Title += ","
		}
		b.Title += fmt.Sprintf(" %s %s", label(s.n), s.what)
		if s.n == 0 {
			continue
		}
		width := min(max(100*float64(s.n)/float64(whole), least), 100-at)
		p := part{X: percent(at), Width: percent(width), Middle: percent(at + width/2), Class: s.class, Title: label(s.n) + " " + s.what}
		if l := label(s.n); width >= fits(l) {
			p.Label = l
		}
		b.Parts = append(b.Parts, p)
		at += width
	}
	return b
}

// outcomeBars shows what became of every event: first the proposals, then the silences.
func outcomeBars(e *metrics.Evaluation) []bar {
	var bars []bar
	for _, c := range ranked(e) {
		what := "event"
		if c.Repetition != nil {
			what = "answer"
		}
		bars = append(bars, barOf(c.Name, text.Plural(c.Events, what), []share{
			{outcomes["TP"], "tp", c.TP}, {outcomes["FP"], "fp", c.FP}, {outcomes["FN"], "fn", c.FN}, {outcomes["TN"], "tn", c.TN},
		}))
	}
	return bars
}

// A gymRow is a domain of the gym, or all of them.
type gymRow struct {
	Name string
	*trace.Tally
}

// gymRows are the domains in alphabetical order, then all together.
func gymRows(s *trace.Stats) []gymRow {
	var list []gymRow
	for _, name := range slices.Sorted(maps.Keys(s.Domains)) {
		list = append(list, gymRow{name, s.Domains[name]})
	}
	return append(list, gymRow{"all domains", &s.Tally})
}

func gymBars(s *trace.Stats) []bar {
	var bars []bar
	for _, r := range gymRows(s) {
		if r.Proposals == 0 {
			continue
		}
		bars = append(bars, barOf(r.Name, pct(r.AcceptanceRate)+"% accepted", []share{
			{"accepted", "tp", r.ProposalsAccepted}, {"rejected", "fp", r.ProposalsRejected},
		}))
	}
	return bars
}

func ledgerBars(ledger []rows.Counts) []bar {
	var bars []bar
	for _, c := range ledger {
		bars = append(bars, rowBar(c.Stage, c.Planned, c.Accepted, c.Truncated, c.Rejected, c.Failed))
	}
	return bars
}

func rowBar(name string, planned, accepted, truncated, rejected, failed int) bar {
	return barOf(name, text.Plural(planned, "row"), []share{
		{"accepted", "used", accepted}, {"truncated", "cut", truncated}, {"rejected", "left", rejected}, {"failed", "fp", failed},
	})
}

// A cause is why rows of a stage were not simply accepted.
type cause struct {
	Stage, Cause string
	Rows         int
}

// maxCauses bounds the causes listed for one stage.
const maxCauses = 15

// causes lists them by stage, the most frequent first.
func causes(ledger []rows.Counts) []cause {
	var list []cause
	for _, c := range ledger {
		names := slices.Sorted(maps.Keys(c.Causes))
		slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(c.Causes[b], c.Causes[a]) })
		rest := cause{Stage: c.Stage}
		for i, name := range names {
			if i < maxCauses {
				list = append(list, cause{c.Stage, text.Clip(inWords(name), 300), c.Causes[name]})
			} else {
				rest.Rows += c.Causes[name]
			}
		}
		if rest.Rows > 0 {
			rest.Cause = text.Plural(len(names)-maxCauses, "rarer cause")
			list = append(list, rest)
		}
	}
	return list
}
