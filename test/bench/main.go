// Command bench measures gymline against limits and peers in one run, prints a
// table and writes JSON. Every ratio is between figures of the same run: the
// machine's speed is in both.
//
//	go run ./test/bench -gymline bin/gymline -o bin/bench.json
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := bench(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// latency of every answer of the loopback server.
const latency = time.Second

// Results are what is written as JSON.
type Results struct {
	CPUs      int          `json:"cpus"`
	Go        string       `json:"go"`
	Loads     []Load       `json:"loads,omitempty"`
	Sim       []Generation `json:"sim,omitempty"`
	Functions []Function   `json:"functions,omitempty"`
}

func bench(ctx context.Context) error {
	gymline := flag.String("gymline", "bin/gymline", "the binary to measure")
	out := flag.String("o", "bin/bench.json", "where the JSON goes")
	loads := flag.String("loads", "200,2000,4000", "calls in flight, by commas; empty: none")
	sim := flag.Bool("sim", true, "generate the paper's 6,790 events with the stand-in, and 100 times as many")
	functions := flag.Bool("functions", true, "run the Go benchmarks of the ledger and the store")
	serve := flag.Bool("serve", false, "be the loopback server")
	bare := flag.String("bare", "", "be the bare client of that URL")
	inFlight := flag.Int("in-flight", 0, "of the bare client")
	prompt := flag.Int("prompt", 0, "bytes of the bare client's prompts")
	flag.Parse()
	switch {
	case *serve:
		return serveModels(ctx)
	case *bare != "":
		return bareClient(ctx, *bare, *inFlight, *prompt)
	}
	r := Results{CPUs: runtime.NumCPU(), Go: runtime.Version()}
	for _, word := range strings.FieldsFunc(*loads, func(r rune) bool { return r == ',' }) {
		n, err := strconv.Atoi(word)
		if err != nil {
			return fmt.Errorf("-loads: %w", err)
		}
		load, err := measureLoad(ctx, *gymline, n)
		if err != nil {
			return fmt.Errorf("%d in flight: %w", n, err)
		}
		r.Loads = append(r.Loads, load)
	}
	if *sim {
		for _, factor := range []int{1, 100} {
			g, err := measureSim(ctx, *gymline, factor)
			if err != nil {
				return fmt.Errorf("sim, %d times: %w", factor, err)
			}
			r.Sim = append(r.Sim, g)
		}
	}
	if *functions {
		var err error
		if r.Functions, err = measureFunctions(ctx); err != nil {
			return err
		}
	}
	r.print(os.Stdout)
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(*out, append(data, '\n'), 0o644)
}

// child is this program in another role.
func child(ctx context.Context, args ...string) (*exec.Cmd, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd, nil
}
