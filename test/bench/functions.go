package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// A Function is a Go benchmark's figures, by unit.
type Function struct {
	Name    string             `json:"name"`
	Figures map[string]float64 `json:"figures"`
}

// suites are the Go benchmarks of what the table of loads rests on, as arguments
// of go test.
var suites = [][]string{
	// Open, lookup and size of a ledger of a million exchanges; it takes minutes.
	{"-bench", "^BenchmarkLedger$", "-benchtime", "1x", "./internal/llm/ledger", "-exchanges", "1000000"},
	{"-bench", "^Benchmark(Chat8K|Key|Record)$", "./internal/llm/ledger"},
	{"-bench", ".", "./internal/store/...", "./internal/llm/limit", "./internal/llm/redact", "./internal/llm/openai", "./internal/llm/traffic", "./internal/similar"},
}

// measureFunctions runs the suites.
func (b *bencher) measureFunctions(ctx context.Context) error {
	for _, suite := range suites {
		fmt.Fprintln(os.Stderr, "go test", strings.Join(suite, " "))
		cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-run", "^$", "-timeout", "60m"}, suite...)...)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("go test %s: %w\n%s", strings.Join(suite, " "), err, out)
		}
		b.results.Functions = append(b.results.Functions, read(string(out))...)
	}
	return nil
}

// read takes the figures out of what go test -bench prints.
func read(out string) (list []Function) {
	pkg := ""
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		if len(words) == 2 && words[0] == "pkg:" {
			pkg = words[1][strings.LastIndex(words[1], "/")+1:]
		}
		if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
			continue
		}
		f := Function{Name: pkg + "." + strings.TrimPrefix(words[0], "Benchmark"), Figures: map[string]float64{}}
		for i := 2; i+1 < len(words); i += 2 {
			if v, err := strconv.ParseFloat(words[i], 64); err == nil {
				f.Figures[words[i+1]] = v
			}
		}
		list = append(list, f)
	}
	return list
}
