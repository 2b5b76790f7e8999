package cli

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/text"
)

const barWidth = 16

// ANSI colours.
const (
	red, green, yellow, cyan, dim = "31", "32", "33", "36", "2"
)

func bar(done, total int64) string {
	filled := int(min(done, total) * barWidth / total)
	return strings.Repeat("━", filled) + strings.Repeat("─", barWidth-filled)
}

func barColor(state string) string {
	if state == progress.Running {
		return cyan
	}
	return colorOf(state)
}

var spinner = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

func glyph(state string, elapsed time.Duration) string {
	switch state {
	case progress.Running:
		return string(spinner[int(max(elapsed, 0)/redrawEvery)%len(spinner)])
	case progress.Retrying:
		return "↻"
	case progress.Reused:
		return "="
	case progress.Succeeded:
		return "✓"
	case progress.Failed:
		return "✗"
	case progress.Cancelled:
		return "–"
	}
	return "·"
}

func colorOf(state string) string {
	switch state {
	case progress.Succeeded, progress.Reused:
		return green
	case progress.Failed:
		return red
	case progress.Retrying, progress.Cancelled, "Interrupted":
		return yellow
	case "":
		return dim
	}
	return ""
}

func (t *Terminal) paint(color, s string) string {
	if !t.opts.Color || color == "" || s == "" {
		return s
	}
	return "\x1b[" + color + "m" + s + "\x1b[0m"
}

// because is the first line of an event's cause, for a line of its own.
func because(e progress.Event) string {
	var b strings.Builder
	if e.Attempt > 0 {
		fmt.Fprintf(&b, ", attempt %d", e.Attempt)
	}
	if e.ExitCode != 0 {
		fmt.Fprintf(&b, " (exit %d)", e.ExitCode)
	}
	if cause, _, _ := strings.Cut(text.Safe(e.Cause), "\n"); cause != "" {
		b.WriteString(": " + cause)
	}
	return b.String()
}

// duration is a time to three figures or fewer: 0.4s, 42s, 3m05s, 2h14m.
func duration(d time.Duration) string {
	switch d = max(d, 0); {
	case d < 9950*time.Millisecond:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d.Round(time.Second) < time.Minute:
		return fmt.Sprintf("%.0fs", d.Seconds())
	case d.Round(time.Second) < time.Hour:
		s := int(d.Round(time.Second).Seconds())
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	m := int(d.Round(time.Minute).Minutes())
	return fmt.Sprintf("%dh%02dm", m/60, m%60)
}

// tokens is prompt and completion together.
func tokens(u llm.Usage) string { return text.Short(u.Prompt + u.Completion) }

func rate(perSec float64) string {
	if perSec < 9.95 {
		return fmt.Sprintf("%.1f", perSec)
	}
	return text.Count(int64(math.Round(perSec)))
}
