package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/exporter"
	"github.com/gymline/gymline/internal/progress"
)

// scrapeWithin is how long a scrape under way may hold up the end of a run.
const scrapeWithin = time.Second

func bindMetrics(cmd *cobra.Command, address *string) {
	cmd.Flags().StringVar(address, "metrics", "", "serve Prometheus metrics at `HOST:PORT`, such as 127.0.0.1:9464, while the run is watched")
}

// serveMetrics serves at an address, before any work is done, and stops with
// stop; "" serves nothing, and the server is nil.
func serveMetrics(ctx context.Context, edge *cli.Edge, address string) (server *exporter.Server, stop func(), err error) {
	if address == "" {
		return nil, func() {}, nil
	}
	if server, err = exporter.Listen(address, edge.Now); err != nil {
		return nil, func() {}, err
	}
	return server, func() {
		server.Seen(ctx, func(wait time.Duration) {
			fmt.Fprintf(edge.Stderr, "metrics: the scores wait for the next scrape, %s at most\n", wait.Round(time.Second))
		})
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), scrapeWithin)
		defer cancel()
		_ = server.Close(last) // a scrape that was cut off is no failure of the run
	}, nil
}

// A scraped printer shows its events to Prometheus as well.
type scraped struct {
	printer
	server *exporter.Server
}

// scrapedBy also says where.
func scrapedBy(server *exporter.Server, out printer) printer {
	if server == nil {
		return out
	}
	fmt.Fprintf(out, "metrics: http://%s/metrics\n", server.Address())
	return scraped{out, server}
}

// end shows Prometheus the last event, too.
func (s scraped) end(ctx context.Context, ended progress.Event, err error) error {
	s.server.Emit(ended)
	return s.printer.end(ctx, ended, err)
}

func (s scraped) Emit(e progress.Event) {
	s.server.Emit(e)
	s.printer.Emit(e)
}
