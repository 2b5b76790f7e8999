package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
)

// A Peer is what users would pick in Gymline's place, calling the same server.
type Peer struct {
	Name     string  `json:"name"`
	InFlight int     `json:"inFlight"`
	Calls    int     `json:"calls"`
	Cost     Cost    `json:"cost"`
	CPU      float64 `json:"cpuMicrosPerCall"` // start-up included
}

// peers are the scripts in peers/, each run by the Python that has its library.
var peers = []struct{ name, python, script string }{
	{"aiohttp loop", "clients", "run_clients.py aiohttp"},
	{"openai client loop", "clients", "run_clients.py openai"},
	{"httpx loop", "clients", "run_clients.py httpx"},
	{"distilabel 1.5.3", "distilabel", "run_distilabel.py"},
	{"Curator 0.1.31", "curator", "run_curator.py"},
	{"Data Designer 0.9.7", "datadesigner", "run_datadesigner.py"},
}

// promptBytes of a peer's request: about Gymline's mean one.
const promptBytes = 4096

// measurePeers plays the gym and runs each peer, against servers of one kind.
func (b *bencher) measurePeers(ctx context.Context) error {
	scripts, err := filepath.Abs("test/bench/peers")
	if err != nil {
		return err
	}
	pythons, err := filepath.Abs(b.peers)
	if err != nil {
		return err
	}
	for _, inFlight := range b.peerLoads {
		l, err := b.measureLoad(ctx, inFlight)
		if err != nil {
			return err
		}
		cost := Cost{Seconds: l.Seconds, CPU: l.Whole.CPUMicros * float64(l.Calls) / 1e6, RSS: l.RSS}
		b.results.Peers = append(b.results.Peers, Peer{"gymline", inFlight, int(l.Calls), cost, l.Whole.CPUMicros})
		for _, peer := range peers {
			python := filepath.Join(pythons, peer.python, "bin", "python")
			if _, err := os.Stat(python); err != nil {
				return fmt.Errorf("%s: %w; 'make bench-peers' installs it", peer.name, err)
			}
			p, err := measurePeer(ctx, peer.name, python, filepath.Join(scripts, peer.script), inFlight)
			if err != nil {
				return fmt.Errorf("%s: %w", peer.name, err)
			}
			b.results.Peers = append(b.results.Peers, p)
		}
	}
	return nil
}

func measurePeer(ctx context.Context, name, python, script string, inFlight int) (Peer, error) {
	p := Peer{Name: name, InFlight: inFlight, Calls: max(5*inFlight, 2000)}
	url, stop, err := startModels(ctx)
	if err != nil {
		return p, err
	}
	defer stop()
	w, err := newWorkshop(nil)
	if err != nil {
		return p, err
	}
	defer w.close()
	w.env = []string{"HOME=" + w.dir} // caches of its own
	line := fmt.Sprintf("%s %s %s %d %d %d", python, script, url, p.Calls, inFlight, promptBytes)
	if p.Cost, _, err = w.run(ctx, "sh", "-c", line); err != nil {
		return p, err
	}
	p.CPU = p.Cost.CPU * 1e6 / float64(p.Calls)
	return p, nil
}

func (r *Results) printPeers(w io.Writer, tw *tabwriter.Writer) {
	if len(r.Peers) == 0 {
		return
	}
	fmt.Fprint(w, "\nPeers behind the same server of 1 s latency, whole runs; they send independent prompts, Gymline plays sessions\n\n")
	fmt.Fprintln(tw, "in flight\twho\tcalls\ts\tcalls/s\tof bound\tCPU µs/call\tof gymline's\tpeak MB\t")
	var gymline Peer
	for _, p := range r.Peers {
		if p.Name == "gymline" {
			gymline = p
		}
		rate := float64(p.Calls) / p.Cost.Seconds
		fmt.Fprintf(tw, "%d\t%s\t%d\t%.1f\t%.0f\t%.0f%%\t%.0f\t%.1f\t%d\t\n", p.InFlight, p.Name, p.Calls, p.Cost.Seconds, rate,
			100*rate/(float64(p.InFlight)/latency.Seconds()), p.CPU, p.CPU/gymline.CPU, p.Cost.RSS>>20)
	}
	_ = tw.Flush()
}
