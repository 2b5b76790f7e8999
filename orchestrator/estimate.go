package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/estimate"
	"github.com/gymline/gymline/internal/input"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

// estimateOf rehearses what is left to do of a plan.
func estimateOf(ctx context.Context, edge *cli.Edge, p *prepared, files map[string]*store.TreeFS, shards []job.Planned) (*estimate.Estimate, error) {
	type shard struct {
		step  store.StepName
		shard int
	}
	reused := map[shard]bool{}
	for _, s := range shards {
		reused[shard{s.Step, s.Shard}] = s.Reused
	}
	return estimate.Of(ctx, p.plan, estimate.Options{
		Jobs: jobs, Trees: files, Access: p.how.Models, Now: edge.Now,
		Read: func(name, path string) ([]byte, error) {
			at := p.Spec.Inputs[name].Path
			data, err := fs.ReadFile(os.DirFS(at), path)
			if err != nil {
				return nil, input.Error(name, at, err)
			}
			return data, nil
		},
		Reused: func(step store.StepName, n int) bool { return reused[shard{step, n}] },
	})
}

// printEstimate shows what the calls that are left come to.
func printEstimate(edge *cli.Edge, e *estimate.Estimate, ahead *run.Spending) error {
	for _, warning := range e.Warnings {
		fmt.Fprintf(edge.Stdout, "\nwarning: %s\n", warning)
	}
	if len(e.Models) > 0 {
		tw := edge.NewTable("\nMODEL\tCALLS\tPROMPT TOKENS\tCOMPLETION TOKENS\tUSD: LOW\tLIKELY\tHIGH")
		unpriced := false
		for _, m := range e.Models {
			usd := "no price\t\t"
			if m.USD != nil {
				usd = dollarRange(*m.USD)
			}
			unpriced = unpriced || m.USD == nil
			name := m.Model
			if m.Simulated {
				name += " (simulated)"
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", text.Line(name), whole(m.Calls), whole(m.PromptTokens), whole(m.CompletionTokens), usd)
		}
		total := "total"
		if unpriced {
			total = "total of those with a price"
		}
		fmt.Fprintf(tw, "%s\t\t\t\t%s\n", total, dollarRange(e.USD))
		if err := tw.Flush(); err != nil {
			return err
		}
	}
	if ahead == nil {
		return nil
	}
	left := ahead.BudgetUSD - ahead.USD
	fmt.Fprintf(edge.Stdout, "\nbudget %s", text.Dollars(ahead.BudgetUSD))
	if ahead.Account != "" {
		fmt.Fprintf(edge.Stdout, ", and %s of it left: %s spent since %s", text.Dollars(max(left, 0)), text.Dollars(ahead.USD), ahead.Account)
	}
	fmt.Fprintln(edge.Stdout)
	switch {
	case e.USD.Likely > left && ahead.USD > 0: // the ledger may have answers of a shard that was not finished
		fmt.Fprintf(edge.Stdout, "warning: the likely cost, %s, is above what is left: the run would stop with exit code 69, unless part of that is paid for\n", text.Dollars(e.USD.Likely))
	case e.USD.Likely > left:
		fmt.Fprintf(edge.Stdout, "warning: the likely cost, %s, is above it: the run would stop with exit code 69\n", text.Dollars(e.USD.Likely))
	case e.USD.High > left:
		fmt.Fprintf(edge.Stdout, "the cost may be above it: up to %s\n", text.Dollars(e.USD.High))
	}
	return nil
}

func whole(r estimate.Range) string { return text.Count(int64(r.Likely + 0.5)) }

func dollarRange(r estimate.Range) string {
	return fmt.Sprintf("%s\t%s\t%s", text.Dollars(r.Low), text.Dollars(r.Likely), text.Dollars(r.High))
}
