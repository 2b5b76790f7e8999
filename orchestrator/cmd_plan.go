package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/why"
)

type planOptions struct {
	configFlags
	output string
	why    bool
}

func newPlan(edge *cli.Edge) *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:   "plan CONFIG",
		Short: "Show what a run would do, and what it would reuse",
		Long: `Show what a run would do: steps, shards, work keys, and what would be reused from
the store. A work key is known once everything before it is. Then what the calls
to models will come to, from a rehearsal of a small sample with stand-ins; what
it can and cannot know is in docs/llm.md. Nothing is written.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.config = args[0]
			return runPlan(cmd.Context(), edge, o)
		},
	}
	o.bind(cmd)
	o.anew.bindAnew(cmd)
	cmd.Flags().BoolVar(&o.why, "why", false, "say of each shard which run made what is reused, or what changed since the experiment's last run")
	bindOutput(cmd, &o.output, "table", "json", "dot")
	return cmd
}

func runPlan(ctx context.Context, edge *cli.Edge, o planOptions) error {
	p, err := o.prepare("")
	if err != nil {
		return err
	}
	files, err := p.list(ctx, edge)
	if err != nil {
		return err
	}
	if o.output == "dot" {
		return writeDot(edge.Stdout, p.plan)
	}
	st, err := readProfile(ctx, edge, p.profile)
	if errors.Is(err, errNoStore) {
		st, err = &openStore{Store: store.New(store.NewMem()), close: func() error { return nil }}, nil
	}
	if err != nil {
		return err
	}
	shards, err := job.NewOpened(st.Store, store.Run{}, p.plan, p.inputs).Ahead(ctx)
	var ahead *run.Spending
	if err == nil {
		ahead, err = run.SpendingAhead(ctx, st.Store, p.plan.Experiment, p.how)
	}
	var reasons *why.Reasons
	if err == nil && o.why {
		reasons, err = why.Of(ctx, st.Store, p.plan, files, shards)
	}
	if err := errors.Join(err, st.close()); err != nil {
		return err
	}
	rehearsed, err := estimateOf(ctx, edge, p, files, shards)
	if err != nil {
		return fmt.Errorf("estimate: %w", err)
	}
	if o.output == "json" {
		doc := map[string]any{"plan": p.plan, "shards": shards, "estimate": rehearsed}
		if ahead != nil {
			doc["spent"] = ahead
		}
		if reasons != nil {
			doc["why"] = reasons
		}
		return writeJSON(edge.Stdout, doc)
	}
	fmt.Fprintf(edge.Stdout, "%s  experiment %s\n\n", p.plan.Experiment, p.plan.Digest)
	tw := edge.NewTable("STEP\tWORK KEY\tREUSED\tREADS")
	for _, s := range shards {
		key, reused := "after the steps it reads", ""
		if s.WorkKey != "" {
			key, reused = store.Digest(s.WorkKey).Short(), "no"
		}
		if s.Reused {
			reused = "yes"
		}
		row(tw, fmt.Sprintf("%s/%d", s.Step, s.Shard), key, reused, reads(p.plan.Step(s.Step), s.Shard))
	}
	if err := errors.Join(tw.Flush(), printWhy(edge, reasons)); err != nil {
		return err
	}
	return printEstimate(edge, rehearsed, ahead)
}

// printWhy tells shards of a step that follow each other, and of which the same is to be
// said, in one row.
func printWhy(edge *cli.Edge, r *why.Reasons) error {
	if r == nil {
		return nil
	}
	against := ""
	if r.Against != "" {
		against = ", AGAINST " + string(r.Against)
	}
	tw := edge.NewTable("\nSTEP\tWHY" + against)
	for i := 0; i < len(r.Shards); {
		first, end := r.Shards[i], i+1
		for end < len(r.Shards) && r.Shards[end].Step == first.Step && r.Shards[end].Name == first.Name && said(r.Shards[end]) == said(first) {
			end++
		}
		name := fmt.Sprintf("%s/%d", first.Step, first.Shard)
		if end > i+1 {
			name += fmt.Sprintf("–%d", r.Shards[end-1].Shard)
		}
		row(tw, strings.TrimSpace(name+" "+first.Name), said(first))
		i = end
	}
	return tw.Flush()
}

func said(r why.Reason) string {
	if r.Reused {
		return "reused: made by " + string(r.By)
	}
	return strings.Join(r.Because, "; ")
}

func reads(s *plan.Step, shard int) string {
	var list []string
	for _, f := range s.Of(shard).Sources {
		list = append(list, f.Input+"/"+f.Path)
	}
	for _, in := range s.Inputs {
		list = append(list, fmt.Sprintf("%s/%s", in.Step, in.Output))
	}
	return strings.Join(list, ", ")
}

// writeDot draws the plan for Graphviz.
func writeDot(w io.Writer, p *plan.Plan) error {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %q {\n  rankdir=LR;\n  node [shape=box];\n", p.Experiment)
	for i := range p.Steps {
		s := &p.Steps[i]
		label := string(s.Name)
		if s.Shards > 1 {
			label += fmt.Sprintf(" ×%d", s.Shards)
		}
		fmt.Fprintf(&b, "  %q [label=%q];\n", s.Name, label)
		for _, before := range s.After() {
			fmt.Fprintf(&b, "  %q -> %q;\n", before, s.Name)
		}
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}
