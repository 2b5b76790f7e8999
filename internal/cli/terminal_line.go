package cli

import (
	"fmt"
	"strings"
	"time"

	pretty "github.com/jedib0t/go-pretty/v6/text"

	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/text"
)

// The columns of a live line, from left to right.
const (
	colName = iota
	colBar
	colRows
	colFailed
	colRate
	colTokens
	colUSD
	colTime
	colNote
	columns
)

// In a narrow window columns give way in this order.
var giveWay = []int{colUSD, colBar, colTokens, colRate, colNote, colFailed, colTime}

// A cell is a column's text; its width is counted before it is coloured.
type cell struct{ text, color string }

// frame lays the steps out as aligned lines that fit the width, each step that
// calls models followed by a line of its calls while it is under way.
func (t *Terminal) frame() []string {
	now, limit := t.opts.Now(), t.width()-1
	table := make([][columns]cell, len(t.steps))
	var widths [columns]int
	for i, s := range t.steps {
		table[i] = t.cells(s, now)
		name := &table[i][colName].text
		*name = pretty.Trim(*name, max(limit/2, 10))
		for c, cell := range table[i] {
			if c != colNote || table[i][colTime].text != "" {
				widths[c] = max(widths[c], pretty.StringWidth(cell.text))
			}
		}
	}
	total := -2
	for _, w := range widths {
		if w > 0 {
			total += w + 2
		}
	}
	for _, c := range giveWay {
		if total > limit && widths[c] > 0 {
			total -= widths[c] + 2
			widths[c] = 0
		}
	}
	var lines []string
	if t.input != nil {
		lines = append(lines, pretty.Trim(t.input.line(t, now), limit))
	}
	for i, cells := range table {
		lines = append(lines, pretty.Trim(t.line(cells, widths), limit))
		if state := t.steps[i].State(); state != "" && !progress.Over(state) {
			if detail := fitted(calls(t.steps[i], now), limit-2); detail != "" {
				lines = append(lines, "  "+t.paint(dim, detail))
			}
		}
	}
	return lines
}

// line joins a step's cells, padded to the columns' widths: names, bars and
// notes to the left, figures to the right. A width of 0 leaves a column out.
func (t *Terminal) line(cells [columns]cell, widths [columns]int) string {
	if cells[colTime].text == "" { // it has not begun: nothing but a note
		pad := strings.Repeat(" ", widths[colName]-pretty.StringWidth(cells[colName].text))
		return t.paint(cells[colName].color, cells[colName].text) + pad + "  " + t.paint(cells[colNote].color, cells[colNote].text)
	}
	var b strings.Builder
	gap := ""
	for c, cell := range cells {
		if widths[c] == 0 {
			continue
		}
		pad := strings.Repeat(" ", widths[c]-pretty.StringWidth(cell.text))
		left := c == colName || c == colBar || c == colNote
		if !left {
			gap, pad = gap+pad, ""
		}
		if cell.text != "" {
			b.WriteString(gap + t.paint(cell.color, cell.text))
			gap = ""
		}
		gap += pad + "  "
	}
	return b.String()
}

// cells says how a step stands.
func (t *Terminal) cells(s *stepView, now time.Time) (c [columns]cell) {
	state, sum := s.State(), s.Sum()
	c[colName] = cell{glyph(state, now.Sub(t.opened)) + " " + text.Line(s.Name), colorOf(state)}
	if state == "" {
		c[colNote] = cell{"waiting", dim}
		return c
	}
	if state == progress.Reused {
		c[colNote] = cell{"reused", dim}
		return c
	}
	if sum.Total > 0 {
		c[colBar] = cell{bar(max(sum.Done, (sum.Done+sum.Answered)/2), sum.Total), barColor(state)}
	}
	if sum.Total > 0 || sum.Done > 0 {
		c[colRows] = cell{text: rowsOf(sum) + " rows"}
	}
	if sum.Failed > 0 {
		c[colFailed] = cell{text.Count(sum.Failed) + " failed", red}
	}
	c[colRate] = cell{text: rateOf(s, now)}
	if sum.Usage.Calls > 0 {
		c[colTokens] = cell{text: tokens(sum.Usage) + " tokens"}
	}
	if sum.Usage.USD > 0 {
		c[colUSD] = cell{text: text.Dollars(sum.Usage.USD)}
	}
	if s.started.IsZero() { // cancelled before it began
		c[colNote] = cell{strings.ToLower(state), dim}
		return c
	}
	c[colTime] = cell{text: timeOf(s, now)}
	c[colNote] = cell{strings.Join(notes(s, state, sum), ", "), dim}
	return c
}

// plainLine says how a step stands in one line for a log.
func (t *Terminal) plainLine(s *stepView, now time.Time) string {
	state, sum := s.State(), s.Sum()
	said := []string{strings.ToLower(state)}
	if state == progress.Running && sum.Total == 0 && len(s.Shards) > 1 {
		said = append(said, text.Plural(len(s.Shards), "shard"))
	}
	if sum.Total > 0 || sum.Done > 0 {
		said = append(said, rowsOf(sum)+" rows")
	}
	if sum.Failed > 0 {
		said = append(said, text.Count(sum.Failed)+" failed")
	}
	if rowsPerSec, callsPerSec := s.rates(now); rowsPerSec > 0 && callsPerSec > 0 {
		said = append(said, rate(rowsPerSec)+" rows/s")
	}
	if rate := rateOf(s, now); rate != "" {
		said = append(said, rate)
	}
	if sum.Usage.Calls > 0 {
		said = append(said, tokens(sum.Usage)+" tokens"+cached(sum.Usage))
	}
	if sum.Usage.USD > 0 {
		said = append(said, text.Dollars(sum.Usage.USD))
	}
	for _, call := range calls(s, now) {
		if call.plain {
			said = append(said, call.text)
		}
	}
	switch _, known := s.eta(now); {
	case s.started.IsZero():
	case progress.Over(state):
		said = append(said, "in "+timeOf(s, now))
	case known:
		said = append(said, timeOf(s, now))
	case now.Sub(s.started) >= rateAfter:
		said = append(said, "for "+timeOf(s, now))
	}
	for _, n := range notes(s, state, sum) {
		if !strings.EqualFold(n, state) {
			said = append(said, n)
		}
	}
	return text.Line(s.Name) + ": " + strings.Join(said, ", ") + "\n"
}

func notes(s *stepView, state string, sum progress.Sum) []string {
	var notes []string
	if state == progress.Retrying || state == progress.Cancelled {
		notes = append(notes, strings.ToLower(state))
	}
	if sum.Reused > 0 && sum.Reused < len(s.Shards) {
		notes = append(notes, fmt.Sprintf("%d of %d shards reused", sum.Reused, len(s.Shards)))
	}
	if s.Simulated {
		notes = append(notes, "simulated")
	}
	return notes
}

func rowsOf(sum progress.Sum) string {
	switch {
	case sum.Total == 0:
		return text.Count(sum.Done)
	case sum.Guessed:
		return text.Count(sum.Done) + "/~" + text.Count(sum.Total)
	}
	return text.Count(sum.Done) + "/" + text.Count(sum.Total)
}

// rateOf is calls/s, or rows/s in a step that calls no model.
func rateOf(s *stepView, now time.Time) string {
	rowsPerSec, callsPerSec := s.rates(now)
	switch {
	case callsPerSec > 0:
		return rate(callsPerSec) + " calls/s"
	case rowsPerSec > 0 && s.Sum().Usage.Calls == 0:
		return rate(rowsPerSec) + " rows/s"
	}
	return ""
}

// timeOf is the time left while it can be told, else the time taken.
func timeOf(s *stepView, now time.Time) string {
	if !s.ended.IsZero() {
		return duration(s.ended.Sub(s.started))
	}
	if left, ok := s.eta(now); ok {
		return "ETA " + duration(left)
	}
	return duration(now.Sub(s.started))
}
