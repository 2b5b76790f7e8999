package report

import (
	"maps"
	"slices"

	"github.com/dustin/go-humanize"

	"github.com/gymline/gymline/internal/trace"
)

// A tokenRow is what the calls of a role took, or of all, or all of them for
// each accepted event.
type tokenRow struct{ Name, Calls, Prompt, Cached, Completion string }

// tokenRows are the roles in alphabetical order, then all, then what each
// accepted event took. There are none where no call counted tokens.
func tokenRows(s *trace.Stats) []tokenRow {
	all := s.AllTokens()
	if all.Calls == 0 {
		return nil
	}
	var list []tokenRow
	for _, role := range slices.Sorted(maps.Keys(s.Tokens)) {
		list = append(list, tokenRowOf(role, s.Tokens[role]))
	}
	list = append(list, tokenRowOf("all roles", all))
	if n := float64(s.AcceptedEvents()); n > 0 {
		each := func(sum int64) string { return humanize.CommafWithDigits(float64(sum)/n, 1) }
		list = append(list, tokenRow{"per accepted event", each(all.Calls), each(all.Prompt), each(all.Cached), each(all.Completion)})
	}
	return list
}

func tokenRowOf(name string, t trace.Tokens) tokenRow {
	cached := humanize.Comma(t.Cached)
	if t.Prompt > 0 {
		cached += " (" + pct(float64(t.Cached)/float64(t.Prompt)) + "%)"
	}
	return tokenRow{name, humanize.Comma(t.Calls), humanize.Comma(t.Prompt), cached, humanize.Comma(t.Completion)}
}
