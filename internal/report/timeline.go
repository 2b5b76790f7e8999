package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/statistics"
	"github.com/gymline/gymline/internal/text"
)

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
	t := &timeline{}
	if r.Seconds <= 0 || !slices.ContainsFunc(r.Steps, func(s statistics.Step) bool { return s.Done > 0 }) {
		return t
	}
	s := acrossPage(0, r.Seconds)
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
	said := []string{text.Plural(step.Done-step.Reused, "shard") + " in " + seconds(step.Seconds)}
	if step.Done == step.Reused {
		said = nil
	}
	if step.Reused > 0 {
		said = append(said, text.Count(step.Reused)+" reused")
	}
	if step.Failed > 0 {
		said = append(said, text.Count(step.Failed)+" failed")
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
