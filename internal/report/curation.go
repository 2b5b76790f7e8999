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
