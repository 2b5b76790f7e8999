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

// measureFunctions runs the Go benchmarks of the store and of what calls models.
func measureFunctions(ctx context.Context) ([]Function, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", ".", "-timeout", "60m",
		"./internal/store/...", "./internal/llm/...", "./jobs/...", "./internal/similar/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go test -bench: %w\n%s", err, out)
	}
	var list []Function
	pkg := ""
	for line := range strings.Lines(string(out)) {
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
	return list, nil
}
