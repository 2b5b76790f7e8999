package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/statistics"
	"github.com/gymline/gymline/internal/text"
	"github.com/gymline/gymline/internal/trace"
)

// runTiles picks the figures that a reader looks for first.
func runTiles(r *statistics.Run) []tile {
	all := r.Used.Add(r.Before)
	done, shards := 0, 0
	for _, s := range r.Steps {
		done, shards = done+s.Done, shards+len(s.Shards)
	}
	list := []tile{{"State", r.State, text.Count(done) + " of " + text.Plural(shards, "shard") + " done"}, {"Time", seconds(r.Seconds), ""}}
	if all.Calls == 0 {
		return list
	}
	note := ""
	if r.Before.Calls > 0 {
		note = text.Count(r.Before.Calls) + " more when the reused work was done"
	}
	if r.Used.Replayed > 0 {
		note = strings.TrimPrefix(note+", "+text.Count(r.Used.Replayed)+" replayed", ", ")
	}
	if n := r.Redacted; n != nil {
		note = strings.TrimPrefix(note+", "+text.Count(n.Calls)+" redacted ("+text.Kinds(n.Kinds)+")", ", ")
	}
	list = append(list, tile{"Calls", text.Count(r.Used.Calls), note},
		tile{"Tokens", text.Short(r.Used.Prompt + r.Used.Completion), tokensNote(r.Used)})
	if all.USD > 0 {
		paid := tile{"Paid", text.Dollars(r.Used.USD), ""}
		if r.Before.USD > 0 {
			paid.Note = text.Dollars(r.Before.USD) + " more when the reused work was done"
		}
		list = append(list, paid)
	}
	return list
}

func tokensNote(u llm.Usage) string {
	var notes []string
	if u.Prompt > 0 {
		notes = append(notes, shareOf(u.Cached, u.Prompt)+" of the prompt from the cache")
	}
	if u.Estimated > 0 {
		notes = append(notes, "of "+text.Plural(u.Estimated, "call")+" estimated, for the provider did not count")
	}
	return strings.Join(notes, ", ")
}

func rowBars(r *statistics.Run) []bar {
	var bars []bar
	for _, s := range r.Steps {
		if r := s.Rows; r != nil && r.Planned > 0 {
			bars = append(bars, rowBar(string(s.Step), r.Planned, r.Accepted, r.Truncated, r.Rejected, r.Failed))
		}
	}
	return bars
}

// causeBars shows the most frequent causes of all steps, on one scale.
func causeBars(r *statistics.Run) []bar {
	type caused struct {
		step string
		statistics.Cause
	}
	var list []caused
	for _, s := range r.Steps {
		for _, c := range s.Causes {
			list = append(list, caused{string(s.Step), c})
		}
	}
	slices.SortStableFunc(list, func(a, b caused) int { return cmp.Compare(b.Rows, a.Rows) })
	var bars []bar
	rest := 0
	for i, c := range list {
		if i >= maxCauses {
			rest += c.Rows
			continue
		}
		class := map[rows.State]string{rows.Failed: "fp", rows.Truncated: "cut", rows.Rejected: "left"}[c.State]
		b := scaled(c.step+": "+text.Clip(inWords(c.Cause.Cause), 200), string(c.State), []share{{string(c.State), cmp.Or(class, "used"), c.Rows}}, list[0].Rows, text.Count[int])
		bars = append(bars, b)
	}
	if rest > 0 {
		bars = append(bars, scaled(text.Plural(len(list)-maxCauses, "rarer cause"), "", []share{{"rows", "none", rest}}, max(list[0].Rows, rest), text.Count[int]))
	}
	return bars
}

// tokenBars shows what each step's calls read and wrote, on one scale.
func tokenBars(r *statistics.Run) []bar {
	most := int64(0)
	for _, s := range r.Steps {
		most = max(most, total(s.Used)+total(s.Before))
	}
	var bars []bar
	for _, s := range r.Steps {
		if total(s.Used)+total(s.Before) == 0 {
			continue
		}
		value := text.Short(total(s.Used)) + " tokens"
		if total(s.Before) > 0 {
			value += ", " + text.Short(total(s.Before)) + " before"
		}
		bars = append(bars, scaled(string(s.Step), value, []share{
			{"prompt tokens from the cache", "cut", int(s.Used.Cached)}, {"other prompt tokens", "used", int(s.Used.Prompt - s.Used.Cached)},
			{"completion tokens", "fn", int(s.Used.Completion)}, {"tokens of reused shards, used by an earlier run", "left", int(total(s.Before))},
		}, int(most), func(n int) string { return text.Short(int64(n)) }))
	}
	return bars
}

func total(u llm.Usage) int64 { return u.Prompt + u.Completion }

// sessionBars shows how long the gym's sessions were, by domain.
func sessionBars(s *trace.Stats) []bar {
	const digits = 10 // one decimal
	most := 0
	for _, r := range gymRows(s) {
		most = max(most, int(math.Round(digits*r.EventsPerSession)))
	}
	var bars []bar
	for _, r := range gymRows(s) {
		if r.Sessions > 0 && most > 0 {
			n := int(math.Round(digits * r.EventsPerSession))
			bars = append(bars, scaled(r.Name, text.Plural(r.Sessions, "session"), []share{{"events per session", "used", n}}, most,
				func(n int) string { return fmt.Sprintf("%.1f", float64(n)/digits) }))
		}
	}
	return bars
}
