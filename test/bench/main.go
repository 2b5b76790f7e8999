// Command bench measures gymline against limits and peers in one run, prints a
// table and writes JSON. Every ratio is between figures of the same run: the
// machine's speed is in both. Processor time is that of all processes of a
// command, and what is measured several times is told with its spread.
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
	"path/filepath"
	"runtime"
	"slices"
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
	CPUs        int          `json:"cpus"`
	Go          string       `json:"go"`
	Loads       [][]Load     `json:"loads,omitempty"` // by calls in flight, each several times
	Sim         []Generation `json:"sim,omitempty"`
	Lines       []Line       `json:"lines,omitempty"`
	Reuse       []Reuse      `json:"reuse,omitempty"`
	Many        []Many       `json:"many,omitempty"`
	Nights      []Nights     `json:"nights,omitempty"`
	Differences []Difference `json:"differences,omitempty"`
	Verified    []Verified   `json:"verified,omitempty"`
	Functions   []Function   `json:"functions,omitempty"`
	Peers       []Peer       `json:"peers,omitempty"`
}

// A bencher is what every part of the benchmark needs.
type bencher struct {
	gymline          string // the binary, absolute
	minio            string
	peers            string // the folder of the peers' Pythons
	repeat           int
	quick            bool
	loads, peerLoads []int // calls in flight
	results          Results
}

// parts are what can be measured, in the order in which they are.
var parts = []struct {
	name string
	run  func(*bencher, context.Context) error
}{
	{"loads", (*bencher).measureLoads},
	{"sim", (*bencher).measureSims},
	{"line", (*bencher).measureLines},
	{"reuse", (*bencher).measureReuses},
	{"many", (*bencher).measureManies},
	{"nights", (*bencher).measureYears},
	{"diff", (*bencher).measureDifferences},
	{"verify", (*bencher).measureVerify},
	{"functions", (*bencher).measureFunctions},
	{"peers", (*bencher).measurePeers},
}

func bench(ctx context.Context) error {
	gymline := flag.String("gymline", "bin/gymline", "the binary to measure")
	minio := flag.String("minio", ".cache/minio", "a MinIO server, for the store that is far away")
	out := flag.String("o", "bin/bench.json", "where the JSON goes")
	only := flag.String("only", "loads,sim,line,reuse,many,nights,diff,verify,functions", "what to measure, by commas")
	inFlights := flag.String("in-flights", "200,2000,4000", "calls in flight of the loads, by commas")
	peers := flag.String("peers", ".cache/peers", "the folder of the peers' Pythons")
	peerLoads := flag.String("peer-in-flights", "200,1000", "calls in flight of the peers, by commas")
	repeat := flag.Int("repeat", 3, "how often to measure what is told with its spread")
	quick := flag.Bool("quick", false, "a tenth of the shards, files and rows")
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
	b := &bencher{repeat: max(*repeat, 1), minio: *minio, peers: *peers, quick: *quick, results: Results{CPUs: runtime.NumCPU(), Go: runtime.Version()}}
	var err error
	if b.gymline, err = filepath.Abs(*gymline); err != nil {
		return err
	}
	if err := json.Unmarshal([]byte("["+*inFlights+"]"), &b.loads); err != nil {
		return fmt.Errorf("-in-flights: %w", err)
	}
	if err := json.Unmarshal([]byte("["+*peerLoads+"]"), &b.peerLoads); err != nil {
		return fmt.Errorf("-peer-in-flights: %w", err)
	}
	wanted := strings.Split(*only, ",")
	for _, part := range parts {
		if !slices.Contains(wanted, part.name) {
			continue
		}
		fmt.Fprintln(os.Stderr, "measuring", part.name)
		if err := part.run(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	b.results.print(os.Stdout)
	data, err := json.MarshalIndent(b.results, "", " ")
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
