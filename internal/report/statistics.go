package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/statistics"
	"github.com/gymline/gymline/internal/trace"
)

// WriteStatistics renders what a run took and used as a page of its own. Nothing
// is written when it fails.
func WriteStatistics(w io.Writer, r *statistics.Run) error {
	var b bytes.Buffer
	if err := page.ExecuteTemplate(&b, "statistics.html", r); err != nil {
		return fmt.Errorf("statistics page: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// runTiles picks the figures that a reader looks for first.
func runTiles(r *statistics.Run) []tile {
	all := r.Used.Add(r.Before)
	list := []tile{{"State", r.State, fmt.Sprintf("%s of %s done", humanize.Comma(int64(doneShards(r))), plural(shardsOf(r), "shard"))}, {"Time", seconds(r.Seconds), ""}}
	if all.Calls == 0 {
		return list
	}
	note := ""
	if r.Before.Calls > 0 {
		note = humanize.Comma(r.Before.Calls) + " more when the reused work was done"
	}
	if r.Used.Replayed > 0 {
		note = strings.TrimPrefix(note+", "+humanize.Comma(r.Used.Replayed)+" replayed", ", ")
	}
	list = append(list, tile{"Calls", humanize.Comma(r.Used.Calls), note},
		tile{"Tokens", short(r.Used.Prompt + r.Used.Completion), cachedNote(r.Used)})
	if all.USD > 0 {
		paid := tile{"Paid", dollars(r.Used.USD), ""}
		if r.Used.USD == 0 {
			paid.Value = "$0"
		}
		if r.Before.USD > 0 {
			paid.Note = dollars(r.Before.USD) + " more when the reused work was done"
		}
		list = append(list, paid)
	}
	return list
}

func cachedNote(u llm.Usage) string {
	if u.Prompt == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f%% of the prompt from the cache", 100*float64(u.Cached)/float64(u.Prompt))
}

func shardsOf(r *statistics.Run) (n int) {
	for _, s := range r.Steps {
		n += len(s.Shards)
	}
	return n
}

func doneShards(r *statistics.Run) (n int) {
	for _, s := range r.Steps {
		n += s.Done
	}
	return n
}

// A timeline shows when each shard was worked on: a band for each step, in which
// shards that overlap lie below each other.
type timeline struct {
	Ticks []tick
	Bands []band
}

type band struct {
	Name, Value, Title string
	Height             int
	Blocks             []block
}

type block struct {
	X, Width, Class, Title string
	Y, Height              int
}

// Heights of a shard in a band, in pixels: of few, and of many.
const tallest, lowest, tallBand = 14, 3, 160

func timelineOf(r *statistics.Run) *timeline {
	s := scale{0, r.Seconds}
	t := &timeline{}
	if r.Seconds <= 0 || doneShards(r) == 0 {
		return t
	}
	step := timeStep(r.Seconds)
	for v := 0.0; v <= r.Seconds*(1+1e-9); v += step {
		t.Ticks = append(t.Ticks, tick{X: s.x(v), Label: clock(v)})
	}
	for i := range r.Steps {
		if r.Steps[i].Done > 0 {
			t.Bands = append(t.Bands, bandOf(&r.Steps[i], s))
		}
	}
	return t
}

func bandOf(step *statistics.Step, s scale) band {
	lane, lanes := lanesOf(step.Shards)
	height := min(max(tallBand/lanes, lowest), tallest)
	b := band{Name: string(step.Step), Height: lanes * (height + 1)}
	said := []string{plural(step.Done-step.Reused, "shard") + " in " + seconds(step.Seconds)}
	if step.Done == step.Reused {
		said = nil
	}
	if step.Reused > 0 {
		said = append(said, humanize.Comma(int64(step.Reused))+" reused")
	}
	if step.Failed > 0 {
		said = append(said, humanize.Comma(int64(step.Failed))+" failed")
	}
	b.Value = strings.Join(said, ", ")
	b.Title = b.Name + ": " + b.Value
	var reused []block // drawn last: they are slivers
	for i, sh := range step.Shards {
		if sh.State != statistics.Succeeded {
			continue
		}
		from, to := s.at(sh.Start), s.at(sh.End)
		place := block{
			X: percent(from), Width: percent(max(to-from, sliver)), Y: lane[i] * (height + 1), Height: height,
			Class: "used", Title: fmt.Sprintf("shard %d: %s", i, seconds(sh.End-sh.Start)),
		}
		if sh.Reused {
			place.Class, place.Title = "left", fmt.Sprintf("shard %d: reused", i)
			reused = append(reused, place)
		} else {
			b.Blocks = append(b.Blocks, place)
		}
	}
	b.Blocks = append(b.Blocks, reused...)
	return b
}

// lanesOf gives each shard that has a time the first lane that is free then, so
// that there are no more lanes than shards at once.
func lanesOf(shards []statistics.Shard) (lane map[int]int, lanes int) {
	var order []int
	for i, sh := range shards {
		if sh.State == statistics.Succeeded {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(shards[a].Start, shards[b].Start) })
	lane = map[int]int{}
	var free []float64 // from when each lane is
	for _, i := range order {
		at := slices.IndexFunc(free, func(end float64) bool { return end <= shards[i].Start })
		if at < 0 {
			at = len(free)
			free = append(free, 0)
		}
		lane[i], free[at] = at, shards[i].End
	}
	return lane, max(len(free), 1)
}

// timeStep is the distance of an axis' ticks, in seconds: at most seven of them.
func timeStep(total float64) float64 {
	const minute, hour, day = 60, 3600, 24 * 3600
	var steps []float64
	for unit := math.Pow(10, math.Floor(math.Log10(total))-1); unit < 10; unit *= 10 {
		steps = append(steps, unit, 2*unit, 5*unit)
	}
	steps = append(steps, 10, 20, 30, minute, 2*minute, 5*minute, 10*minute, 20*minute, 30*minute, hour, 2*hour, 4*hour, 6*hour, 12*hour)
	for _, s := range steps {
		if total/s <= 7 {
			return s
		}
	}
	return math.Ceil(total/7/day) * day
}

// rowBars shows how the rows of each step ended.
func rowBars(r *statistics.Run) []bar {
	var bars []bar
	for _, s := range r.Steps {
		if s.Rows == nil || s.Rows.Planned == 0 {
			continue
		}
		bars = append(bars, barOf(string(s.Step), plural(s.Rows.Planned, "row"), []share{
			{"accepted", "used", s.Rows.Accepted}, {"truncated", "cut", s.Rows.Truncated}, {"rejected", "left", s.Rows.Rejected}, {"failed", "fp", s.Rows.Failed},
		}))
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
		b := scaled(c.step+": "+cut(c.Cause.Cause, 200), string(c.State), []share{{string(c.State), cmp.Or(class, "used"), c.Rows}}, list[0].Rows, comma)
		bars = append(bars, b)
	}
	if rest > 0 {
		bars = append(bars, scaled(plural(len(list)-maxCauses, "rarer cause"), "", []share{{"rows", "none", rest}}, max(list[0].Rows, rest), comma))
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
		value := short(total(s.Used)) + " tokens"
		if total(s.Before) > 0 {
			value += ", " + short(total(s.Before)) + " before"
		}
		bars = append(bars, scaled(string(s.Step), value, []share{
			{"prompt tokens from the cache", "cut", int(s.Used.Cached)}, {"other prompt tokens", "used", int(s.Used.Prompt - s.Used.Cached)},
			{"completion tokens", "fn", int(s.Used.Completion)}, {"tokens of reused shards, used by an earlier run", "left", int(total(s.Before))},
		}, int(most), func(n int) string { return short(int64(n)) }))
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
			bars = append(bars, scaled(r.Name, plural(r.Sessions, "session"), []share{{"events per session", "used", n}}, most,
				func(n int) string { return fmt.Sprintf("%.1f", float64(n)/digits) }))
		}
	}
	return bars
}

func comma(n int) string { return humanize.Comma(int64(n)) }

// short is a large number to about three figures: 950, 81.2k, 3.4M, 1.2B.
func short(n int64) string {
	switch f := float64(n); {
	case f < 1000:
		return fmt.Sprint(n)
	case f < 999_950:
		return fmt.Sprintf("%.1fk", f/1e3)
	case f < 999_950_000:
		return fmt.Sprintf("%.1fM", f/1e6)
	default:
		return fmt.Sprintf("%.1fB", f/1e9)
	}
}

func dollars(usd float64) string {
	switch {
	case usd == 0:
		return "–" // nothing was paid, or nothing has a price
	case usd < 0.0995:
		return fmt.Sprintf("$%.4f", usd)
	}
	return fmt.Sprintf("$%.2f", usd)
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

// clock labels a time axis: 50 ms, 30 s, 1:30 min, 2 h.
func clock(v float64) string {
	n := int(math.Round(v))
	unit := "min"
	if v > 0 && v < 0.9999 {
		return fmt.Sprintf("%.0f ms", 1000*v)
	}
	if v < 60 {
		return seconds(v)
	}
	if n >= 3600 {
		n, unit = n/60, "h"
	}
	if n%60 == 0 {
		return fmt.Sprintf("%d %s", n/60, unit)
	}
	return fmt.Sprintf("%d:%02d %s", n/60, n%60, unit)
}

func pair(n, of int, large, small string) string {
	if n%of == 0 {
		return fmt.Sprintf("%d %s", n/of, large)
	}
	return fmt.Sprintf("%d %s %d %s", n/of, large, n%of, small)
}

// stampOf is a record's time to the minute.
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
