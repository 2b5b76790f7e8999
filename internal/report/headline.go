package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/text"
)

// A tile is one of the page's first figures.
type tile struct{ Name, Value, Note string }

// tiles picks the figures that a reader looks for first.
func tiles(d *Data) []tile {
	var list []tile
	if e := d.Evaluation; e != nil && len(e.Candidates) > 0 {
		best := ranked(e)[0]
		list = append(list, tile{"Highest F1", pct(best.F1), best.Name + " " + interval(best.F1CI)},
			tile{"Judged events", text.Count(e.Events), text.Plural(e.Traces, "trace") + ", " + text.Plural(len(e.Candidates), "candidate")})
	}
	if d.Evaluation != nil {
		list = append(list, timingTile(d.Evaluation)...)
	}
	if d.Reward != nil {
		list = append(list, tile{"Reward model F1", pct(d.Reward.TraceHeldOut.F1), rewardNote(d.Reward)})
	}
	if d.Gym != nil {
		list = append(list, tile{"Gym sessions", text.Count(d.Gym.Sessions),
			text.Plural(d.Gym.Events, "event") + ", " + pct(d.Gym.AcceptanceRate) + "% of proposals accepted"})
	}
	if d.Export != nil {
		list = append(list, tile{"Exported files", text.Count(len(d.Export.Files)), d.Export.Summary})
	}
	return list
}

// simulated names the parts of the page that a stand-in had part in, and so
// leaves the others to be taken for what they are.
func simulated(d *Data) string {
	var list []string
	if e := d.Evaluation; e != nil {
		switch standIns(e) {
		case all:
			list = append(list, "evaluation")
		case some:
			for _, c := range e.Candidates {
				if c.Simulated {
					list = append(list, "candidate "+c.Name)
				}
			}
		}
	}
	if d.Reward != nil && d.Reward.Simulated {
		list = append(list, "reward model")
	}
	if d.Gym != nil && d.Gym.Simulated > 0 {
		list = append(list, "gym sessions")
	}
	if d.Export != nil && d.Export.Simulated > 0 {
		list = append(list, "exported rows")
	}
	if d.Samples != nil && d.Samples.Simulated && d.Evaluation == nil {
		list = append(list, "sample traces")
	}
	return strings.Join(list, ", ")
}

// How much of a part is simulated, as its tag says.
const (
	some = "partly simulated"
	all  = "simulated"
)

// extent is the tag of a part of which n of total are simulated; "" for none.
func extent(n, total int) string {
	switch {
	case n == 0:
		return ""
	case n < total:
		return some
	}
	return all
}

// standIns is the tag of an evaluation.
func standIns(e *metrics.Evaluation) string {
	n := 0
	for _, c := range e.Candidates {
		if c.Simulated {
			n++
		}
	}
	if n == 0 && e.Simulated {
		return all
	}
	return extent(n, len(e.Candidates))
}

// unproven warns of a reward model that a constant would replace, and of the scores that
// it judged; "" where there is none.
func unproven(d *Data) string {
	if d.Reward == nil {
		return ""
	}
	verdict := rewardVerdict(d.Reward)
	if e := d.Evaluation; verdict != "" && e != nil && e.Judge == plan.JudgeRewardModel {
		verdict += " It judged the candidates below: their scores are no better than it is."
	}
	return verdict
}

// differing says how many pairs differ beyond chance.
func differing(e *metrics.Evaluation) string {
	n := 0
	for _, c := range e.Comparisons {
		if c.Different {
			n++
		}
	}
	pairs := text.Plural(len(e.Comparisons), "pair")
	switch {
	case len(e.Comparisons) == 1 && n == 1:
		return "The two differ beyond chance."
	case len(e.Comparisons) == 1:
		return "The two do not differ beyond chance."
	case n == 0:
		return "None of the " + pairs + " differs beyond chance."
	case n == 1:
		return "1 of the " + pairs + " differs beyond chance."
	}
	return fmt.Sprintf("%d of the %s differ beyond chance.", n, pairs)
}

// A domainTable has the F1 of every candidate in every domain.
type domainTable struct {
	Names []string
	Rows  []domainRow
}

type domainRow struct {
	Candidate string
	Cells     []*metrics.Group // nil where the candidate has no such domain
}

func domains(e *metrics.Evaluation) domainTable {
	seen := map[string]bool{}
	for _, c := range e.Candidates {
		for _, g := range c.Domains {
			seen[g.Name] = true
		}
	}
	t := domainTable{Names: slices.Sorted(maps.Keys(seen))}
	if len(t.Names) < 2 {
		return domainTable{}
	}
	for _, c := range ranked(e) {
		row := domainRow{Candidate: c.Name}
		for _, name := range t.Names {
			i := slices.IndexFunc(c.Domains, func(g metrics.Group) bool { return g.Name == name })
			var cell *metrics.Group
			if i >= 0 {
				cell = &c.Domains[i]
			}
			row.Cells = append(row.Cells, cell)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
