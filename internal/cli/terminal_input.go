package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/text"
)

// An inputView is a named input as it is shown while its files are read and stored.
type inputView struct {
	progress.Event
	started  time.Time // of reading it, or of storing it
	reported time.Time // when a line of it was last printed, at first when it started
}

// take returns the view after an event, which may be of another input.
func (v *inputView) take(e progress.Event, now time.Time) *inputView {
	next := &inputView{Event: e, started: now, reported: now}
	if v != nil {
		next.reported = v.reported
		if v.Input == e.Input && v.Type == e.Type {
			next.started = v.started
		}
	}
	return next
}

func (v *inputView) verb() string {
	if v.Type == progress.InputStored {
		return "stored"
	}
	return "read"
}

// line is the live line.
func (v *inputView) line(t *Terminal, now time.Time) string {
	head := glyph(progress.Running, now.Sub(t.opened)) + " input " + text.Line(v.Input)
	return fmt.Sprintf("%s  %s  %s  %s", t.paint(colorOf(progress.Running), head), t.paint(barColor(progress.Running), bar(v.Done, v.Total)),
		v.files(), duration(now.Sub(v.started)))
}

// plainLine is the same for a log.
func (v *inputView) plainLine(now time.Time) string {
	return fmt.Sprintf("input %s: %s, for %s\n", text.Line(v.Input), v.files(), duration(now.Sub(v.started)))
}

func (v *inputView) files() string {
	return fmt.Sprintf("%s/%s files %s", text.Count(v.Done), text.Count(v.Total), v.verb())
}

// unreadLine names files that no step reads, as many as a line takes.
func unreadLine(e progress.Event) string {
	const most = 5
	names := make([]string, 0, most)
	for _, f := range e.Files[:min(most, len(e.Files))] {
		names = append(names, text.Line(f))
	}
	more := ""
	if n := len(e.Files) - len(names); n > 0 {
		more = fmt.Sprintf(" and %s more", text.Count(n))
	}
	return fmt.Sprintf("input %s: no step reads %s%s\n", text.Line(e.Input), strings.Join(names, ", "), more)
}
