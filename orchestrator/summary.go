package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/gate"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

// envSummary names the file that GitHub Actions shows beside a job.
const envSummary = "GITHUB_STEP_SUMMARY"

// summarize adds to a CI job's summary, where there is one, how a run ended. A summary
// that cannot be written is said, and takes nothing from the run.
func summarize(edge *cli.Edge, ended progress.Event, result *gate.Result) {
	file := edge.Getenv(envSummary)
	if file == "" {
		return
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(summaryOf(ended, result))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		edge.PrintError(fmt.Errorf("the run's summary was not written: %w", err))
	}
}

// summaryOf is a run's end in Markdown.
func summaryOf(ended progress.Event, result *gate.Result) string {
	var b strings.Builder
	name := ended.Run
	if name == "" {
		name = "no run was opened"
	}
	switch {
	case result != nil:
		_ = result.WriteMarkdown(&b) // a Builder takes all
	case ended.State == store.Succeeded:
		fmt.Fprintf(&b, "### ✅ %s\n", text.Markdown(name))
	default:
		fmt.Fprintf(&b, "### ❌ %s\n\n%s: %s\n", text.Markdown(name), cmp.Or(ended.State, "Out of sight"), text.Markdown(ended.Cause))
		if ended.Hint != "" {
			fmt.Fprintf(&b, "\n→ %s\n", text.Markdown(ended.Hint))
		}
	}
	if len(ended.Scores) > 0 {
		b.WriteString("\n| candidate | F1 | interval | recall | precision |\n|---|--:|--:|--:|--:|\n")
	}
	for _, s := range ended.Scores {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", text.Markdown(s.Candidate), text.Percent(s.F1), text.Interval(s.F1CI), text.Percent(s.Recall), text.Percent(s.Precision))
	}
	for _, warning := range ended.Warnings {
		fmt.Fprintf(&b, "\n⚠ %s\n", text.Markdown(warning))
	}
	return b.String() + "\n"
}
