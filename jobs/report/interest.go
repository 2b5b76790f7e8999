package report

import (
	"slices"

	"github.com/gymline/gymline/internal/text"
)

// What a page holds of traces and sessions, so that it opens in a moment whatever the
// benchmark's or the gym's size.
const (
	maxTraces = 8
	minTraces = 3
	maxTurns  = 40
	maxText   = 500 // letters of an event, proposal or reason
)

// A found is a trace or a session that a page may show, with what makes it worth reading.
type found struct {
	id, domain string
	counts     map[string]int // by reason to show it
}

// A picked is one that it shows, and why.
type picked struct {
	*found
	why string
}

// A reason orders what was found: the most of something first.
type reason struct{ by, why, noun string }

// A picking is what was picked so far.
type picking struct {
	chosen []picked
	taken  map[*found]bool
}

// pick takes the most of each reason, then of each domain that has none yet the best by
// the first reason that it knows, and some more of the first. Of equals the earlier one
// is taken, so that the choice is the same whatever the shards are.
func pick(list []*found, reasons []reason) []picked {
	p := picking{taken: map[*found]bool{}}
	for _, r := range reasons {
		p.most(list, r, "")
	}
	for _, domain := range domainsOf(list) {
		if slices.ContainsFunc(p.chosen, func(c picked) bool { return c.domain == domain }) {
			continue
		}
		members := slices.DeleteFunc(slices.Clone(list), func(f *found) bool { return f.domain != domain })
		if !slices.ContainsFunc(reasons, func(r reason) bool { return p.most(members, r, " in "+domain) }) {
			p.add(members[0], "the first in "+domain)
		}
	}
	for _, f := range list {
		if len(p.chosen) < minTraces && !p.taken[f] {
			p.add(f, "")
		}
	}
	return p.chosen
}

func (p *picking) add(f *found, why string) {
	if len(p.chosen) < maxTraces {
		p.taken[f], p.chosen = true, append(p.chosen, picked{f, why})
	}
}

// most takes the one that has most of a reason, if any has.
func (p *picking) most(of []*found, r reason, where string) bool {
	var best *found
	for _, f := range of {
		if !p.taken[f] && f.counts[r.by] > 0 && (best == nil || f.counts[r.by] > best.counts[r.by]) {
			best = f
		}
	}
	if best != nil {
		p.add(best, r.why+where+": "+text.Plural(best.counts[r.by], r.noun))
	}
	return best != nil
}

// domainsOf are the domains in order; one alone needs no sample of its own.
func domainsOf(list []*found) []string {
	var names []string
	for _, f := range list {
		names = append(names, f.domain)
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) < 2 {
		return nil
	}
	return names
}
