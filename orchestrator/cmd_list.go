package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/store"
)

// unsealed is the state of a run that is under way, or was cut off.
const unsealed = "Unsealed"

type listOptions struct {
	profile string
	output  string
}

func newList(edge *cli.Edge) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the runs in the store",
		Long:  "List the runs in the store. A run without a seal is under way or was cut off: its state is Unsealed.",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return runList(cmd.Context(), edge, o) },
	}
	bindProfile(cmd, &o.profile)
	bindOutput(cmd, &o.output, "table", "json")
	return cmd
}

// A runHead is a run's record and state, as list and show print it.
type runHead struct {
	store.Run
	State    string          `json:"state"`
	Failures []store.Failure `json:"failures,omitempty"`
}

func runList(ctx context.Context, edge *cli.Edge, o listOptions) error {
	if err := checkOutput(o.output, "table", "json"); err != nil {
		return err
	}
	return reading(ctx, edge, o.profile, func(st *store.Store) error {
		ids, err := st.Runs(ctx)
		if err != nil {
			return err
		}
		heads := []runHead{}
		for _, id := range ids {
			head, err := readHead(ctx, st, id)
			if err != nil {
				return err
			}
			heads = append(heads, head)
		}
		if o.output == "json" {
			return writeJSON(edge.Stdout, map[string]any{"runs": heads})
		}
		tw := tabwriter.NewWriter(edge.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(tw, "RUN\tSTATE\tCREATED\tEXPERIMENT DIGEST")
		for _, h := range heads {
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", h.ID, h.State, h.Created, short(h.Digest))
		}
		return tw.Flush()
	})
}

// reading opens a profile's store for reading.
func reading(ctx context.Context, edge *cli.Edge, profile string, fn func(*store.Store) error) error {
	p, err := loadProfile(profile)
	if err != nil {
		return err
	}
	st, err := readProfile(ctx, edge, p)
	if err != nil {
		return err
	}
	return errors.Join(fn(st.Store), st.close())
}

func readHead(ctx context.Context, st *store.Store, id store.RunID) (runHead, error) {
	run, err := st.ReadRun(ctx, id)
	if err != nil {
		return runHead{}, notFound(err, fmt.Sprintf("run %s", id), "see 'gymline list'")
	}
	head := runHead{Run: run, State: unsealed}
	seal, err := st.ReadSeal(ctx, id)
	switch {
	case err == nil:
		head.State, head.Failures = seal.State, seal.Failures
	case !errors.Is(err, store.ErrNotFound):
		return head, err
	}
	return head, nil
}

// short is enough of a digest for a person.
func short(d store.Digest) string { return string(d[:min(12, len(d))]) }
