package report

import (
	"github.com/gymline/gymline/internal/text"
	"github.com/gymline/gymline/internal/trace"
)

func curationRows(c *trace.Curation) []trace.CurationTally {
	all := c.Total
	all.Domain = "all domains"
	return append(append([]trace.CurationTally(nil), c.Domains...), all)
}

// curationBars shows what is left of each domain, and what was left out.
func curationBars(c *trace.Curation) []bar {
	var bars []bar
	for _, d := range c.Domains {
		bars = append(bars, barOf(d.Domain, pct(d.After.Share)+"% accepted of "+text.Plural(d.After.Rows, "row"), []share{
			{"used and accepted", "tp", d.After.Accepted}, {"used and rejected", "fp", d.After.Rows - d.After.Accepted},
			{"left out", "left", d.Before.Rows - d.After.Rows},
		}))
	}
	return bars
}

func leftOut(t trace.CurationTally) string { return text.Count(t.Before.Rows - t.After.Rows) }

// A curationCause is why rows were left out, with how many of each domain and of all.
type curationCause struct {
	Cause string
	Rows  []int
}

func curationCauses(c *trace.Curation) (list []curationCause) {
	for _, cause := range c.Total.Causes {
		row := curationCause{Cause: cause.Cause}
		for _, tally := range curationRows(c) {
			n := 0
			for _, of := range tally.Causes {
				if of.Cause == cause.Cause {
					n = of.Rows
				}
			}
			row.Rows = append(row.Rows, n)
		}
		list = append(list, row)
	}
	return list
}
