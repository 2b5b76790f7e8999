package main

import (
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
)

// A table is not written to a file, so who names one is told.
func TestStatsFileIsForThePage(t *testing.T) {
	for _, output := range []string{"", "--output=table", "--output=json"} {
		args := []string{"stats", "x-1", "--file=x.html"}
		if output != "" {
			args = append(args, output)
		}
		err := newRoot(&cli.Edge{Args: args, Getenv: nothingSet}).ExecuteContext(t.Context())
		if fault.Code(err) != fault.Usage || !strings.Contains(err.Error(), "it needs -o html") {
			t.Errorf("%v: %v", args, err)
		}
	}
}
