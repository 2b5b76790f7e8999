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

// Problems are all that is wrong, by position, in other files that it names later, and
// overrides last. As an error
// they mean bad configuration: fault.Code gives fault.Config.
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

func (p Problems) sort(first string) {
	slices.SortStableFunc(p, func(a, b Problem) int {
		if (a.Line == 0) != (b.Line == 0) {
			return cmp.Compare(b.Line, a.Line)
		}
		if (a.File == first) != (b.File == first) {
			if a.File == first {
				return -1
			}
			return 1
		}
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), strings.Compare(a.Path, b.Path))
	})
}
