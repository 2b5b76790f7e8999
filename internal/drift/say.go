package drift

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// String is a state in words.
func (s *State) String() string {
	parts := append([]string{"drift: " + s.Verdict}, s.Evidence...)
	if s.Provisional > 0 {
		parts = append(parts, fmt.Sprintf("an alarm of the judge within %d nights would say that it was the judge", s.Provisional))
	}
	if s.Renames != "" {
		parts = append(parts, "it is the cause of the alarm of "+s.Renames+", too")
	}
	return strings.Join(parts, "; ")
}

// worse says how far the score fell.
func (w *watch) worse(f *found) string {
	return fmt.Sprintf("in the last %d nights %s scored %.1f points less, against the frozen answers, than in the %d before (%s)", f.window, w.name, 100*(f.was-f.is), f.nights-f.window, f.chance())
}

// sayAnchors says what the judge did on the anchors.
func sayAnchors(list []*found) (said []string) {
	for _, f := range list {
		did := [...]string{"accepted", "accepted", "agreed with people on"}[f.which]
		was, is := math.Abs(f.was), math.Abs(f.is)
		said = append(said, fmt.Sprintf("in the last %d nights the judge %s %.1f%% of the anchors, and %.1f%% in the %d before (%s)", f.window, did, 100*is, 100*was, f.nights-f.window, f.chance()))
	}
	return said
}

func (f *found) chance() string {
	return fmt.Sprintf("p = %.1g, where %.1g alarms", f.p, f.limit)
}

// since says where a version was another than on the night before, in the last nights of a
// window and guard before it.
func (w *watch) since(what string, window int, of func(*Night) []string) (said []string) {
	from := len(w.nights) - window - guard
	var last *Night // that reported any
	for i := range w.nights {
		n := &w.nights[i]
		if len(of(n)) == 0 {
			continue
		}
		if last != nil && !slices.Equal(of(last), of(n)) && i >= from {
			said = append(said, fmt.Sprintf("%s %s (was %s) since %s", what, strings.Join(of(n), ", "), strings.Join(of(last), ", "), n.Name))
		}
		last = n
	}
	return said
}

// provider is the evidence that a drop is the provider's: another version came with it, or
// answers that could not be used make up half of it.
func (w *watch) provider(f *found) []string {
	said := w.since("answered by", f.window, func(n *Night) []string { return n.AnsweredBy })
	var failed []float64
	for _, n := range w.nights[w.from:] {
		if n.Score != nil {
			failed = append(failed, n.Failed)
		}
	}
	from := len(failed) - f.window
	if was, is := median(failed[:from]), median(failed[from:]); is > was && is-was >= (f.was-f.is)/2 {
		said = append(said, fmt.Sprintf("in these nights %.1f%% of the answers could not be used, and %.1f%% before", 100*is, 100*was))
	}
	return said
}

// quiet says how far a watch without an alarm is.
func (w *watch) quiet(n *Night) []string {
	if n.Score == nil && n.Accepted == nil {
		return []string{"there is nothing to watch: neither a baseline nor anchors"}
	}
	of := &w.score
	if n.Score == nil {
		of = &w.anchors[0]
	}
	if first := of.first(); len(of.values) < first {
		return []string{fmt.Sprintf("night %d of this watch; before night %d no drop can be told from chance", len(of.values), first)}
	}
	return nil
}

func short(digest string) string {
	_, hex, found := strings.Cut(digest, ":")
	if !found {
		hex = digest
	}
	return hex[:min(12, len(hex))]
}
