package experiment

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Problem is one thing wrong with a file or with an override of it.
type Problem struct {
	// File is the file's name, and Line and Column count from 1; or File is
	// the override at fault, e.g. "--set generate.shards=x", and they are 0.
	File         string
	Line, Column int
	Path         string // of the field, e.g. "spec.generate.shards"; "" for the file as a whole
	Message      string // what is wrong
	Fix          string // what to do
}

func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	if p.Path != "" {
		b.WriteString(": " + p.Path)
	}
	b.WriteString(": " + p.Message)
	if p.Fix != "" {
		b.WriteString("; " + p.Fix)
	}
	return b.String()
}

// Problems are all that is wrong, by position, in the files that it names after its own,
// and overrides last. As an error they mean bad configuration: fault.Code gives fault.Config.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// Configuration reports true.
func (Problems) Configuration() bool { return true }

func (p Problems) sort(file string) {
	elsewhere := func(p Problem) int {
		if p.File == file {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(p, func(a, b Problem) int {
		if (a.Line == 0) != (b.Line == 0) {
			return cmp.Compare(b.Line, a.Line)
		}
		return cmp.Or(elsewhere(a)-elsewhere(b), strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), strings.Compare(a.Path, b.Path))
	})
}
