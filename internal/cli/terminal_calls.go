package cli

import (
	"fmt"
	"strings"
	"time"

	pretty "github.com/jedib0t/go-pretty/v6/text"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/text"
)

// quietFor is how long no call may end before it is said.
const quietFor = 30 * time.Second

// A detail is a part of a step's line about its calls, and what stands for it
// where it does not fit. Plain ones also stand in a log's line, where the others
// are said already.
type detail struct {
	text, brief string
	plain       bool
}

// calls says what a step's model calls do and how they fare, what matters most
// first. It is empty for a step that calls none.
func calls(s *stepView, now time.Time) (list []detail) {
	sum := s.Sum()
	if sum.Usage.Calls == 0 && sum.InFlight == 0 && sum.Waiting == 0 && sum.Batches.Open == 0 && sum.Errors == (llm.Errors{}) {
		return nil
	}
	say := func(plain bool, format string, args ...any) {
		list = append(list, detail{text: fmt.Sprintf(format, args...), plain: plain})
	}
	if rowsPerSec, _ := s.rates(now); rowsPerSec > 0 {
		say(false, "%s rows/s", rate(rowsPerSec))
	}
	if sum.Answered > sum.Done {
		say(true, "%s answered", text.Count(sum.Answered))
	}
	if quiet := now.Sub(s.heard); sum.InFlight > 0 && quiet >= quietFor {
		say(true, "no answer for %s", duration(quiet))
	}
	if sum.InFlight > 0 {
		say(true, "%s in flight", text.Count(sum.InFlight))
	}
	if sum.Waiting > 0 {
		list = append(list, detail{text.Count(sum.Waiting) + " waiting for limits", text.Count(sum.Waiting) + " waiting", true})
	}
	if sum.Batches.Open > 0 {
		list = append(list, detail{batchesOf(sum.Batches), progressOf(sum.Batches), true})
	}
	if sum.Errors != (llm.Errors{}) {
		list = append(list, detail{errorsOf(sum.Errors), text.Count(sum.Errors.Passing()) + " retried", true})
	}
	if sum.Usage.Replayed > 0 {
		say(true, "%s replayed", text.Count(sum.Usage.Replayed))
	}
	if sum.Usage.Calls > 0 {
		say(false, "%s prompt%s", text.Short(sum.Usage.Prompt), cached(sum.Usage))
		say(false, "%s completion", text.Short(sum.Usage.Completion))
	}
	return list
}

// fitted joins as much as fits the width.
func fitted(list []detail, width int) string {
	var b strings.Builder
	for _, d := range list {
		sep := " · "
		if b.Len() == 0 {
			sep = ""
		}
		for _, form := range []string{d.text, d.brief} {
			if form != "" && pretty.StringWidth(b.String()+sep+form) <= width {
				b.WriteString(sep + form)
				break
			}
		}
	}
	return b.String()
}

// batchesOf names what is waited for: "waiting for batch b_1 (in_progress), 3 of
// 40 done". IDs and states are the provider's.
func batchesOf(b llm.Batches) string {
	what := "a batch"
	switch {
	case b.Oldest != "" && b.Open > 1:
		what = fmt.Sprintf("%s batches, first %s", text.Count(b.Open), text.Line(b.Oldest))
	case b.Oldest != "":
		what = "batch " + text.Line(b.Oldest)
	case b.Open > 1:
		what = text.Count(b.Open) + " batches"
	}
	if b.State != "" {
		what += " (" + text.Line(b.State) + ")"
	}
	return "waiting for " + what + ", " + progressOf(b)
}

func progressOf(b llm.Batches) string {
	return text.Count(b.Done) + " of " + text.Count(b.Requests) + " done"
}

// errorsOf names failed calls by kind: "23 retried (20 rate-limited, 3 server errors)".
func errorsOf(e llm.Errors) string {
	var kinds []string
	for _, k := range []struct {
		n    int64
		name string
	}{{e.RateLimited, "rate-limited"}, {e.Server, "server"}, {e.Timeout, "timed out"}, {e.Other, "other"}} {
		if k.n > 0 {
			kinds = append(kinds, text.Count(k.n)+" "+k.name)
		}
	}
	var said []string
	if n := e.Passing(); n > 0 {
		said = append(said, fmt.Sprintf("%s retried (%s)", text.Count(n), strings.Join(kinds, ", ")))
	}
	if e.Refused > 0 {
		said = append(said, text.Count(e.Refused)+" refused")
	}
	return strings.Join(said, ", ")
}

// cached is the share of the prompt that the provider had in its cache.
func cached(u llm.Usage) string {
	if u.Cached == 0 || u.Prompt == 0 {
		return ""
	}
	return fmt.Sprintf(" (%.0f%% cached)", 100*float64(u.Cached)/float64(u.Prompt))
}
