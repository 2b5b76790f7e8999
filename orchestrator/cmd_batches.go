package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/provider"
	"github.com/gymline/gymline/internal/run"
)

type batchesOptions struct {
	config  string
	profile string
	output  string
	set     []string
	cancel  []string
}

func newBatches(edge *cli.Edge) *cobra.Command {
	var o batchesOptions
	cmd := &cobra.Command{
		Use:   "batches CONFIG --profile FILE",
		Short: "List the batches that are open at the providers, or cancel some",
		Long: `List the batches whose answers no run has taken up yet, of the models that the
profile asks in batches; or cancel some at their provider. What a cancelled batch
has answered is billed and kept. A run that waits for it ends with exit code 78;
the next one asks the rest.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.config = args[0]
			return runBatches(cmd.Context(), edge, o)
		},
	}
	bindProfile(cmd, &o.profile)
	bindOutput(cmd, &o.output, "table", "json")
	cmd.Flags().StringArrayVar(&o.set, "set", nil, "`PATH=VALUE`: override a field under spec (repeatable)")
	cmd.Flags().StringSliceVar(&o.cancel, "cancel", nil, "`ID` of a batch to cancel, or 'all' (repeatable)")
	return cmd
}

// An openBatch is a batch's row, as batches prints it.
type openBatch struct {
	Model    string    `json:"model"`
	ID       string    `json:"id"` // "": the provider has none, it was not started
	Status   string    `json:"status"`
	Requests int       `json:"requests"`
	Answered int       `json:"answered"`
	Created  time.Time `json:"created"`
	running  bool
}

func runBatches(ctx context.Context, edge *cli.Edge, o batchesOptions) error {
	data, err := readConfig(o.config)
	if err != nil {
		return err
	}
	e, err := experiment.Load(o.config, data, experiment.Options{Set: o.set, Stat: os.Stat, Read: os.ReadFile})
	if err != nil {
		return err
	}
	profile, err := loadProfile(o.profile)
	if err != nil {
		return err
	}
	st, err := readProfile(ctx, edge, profile)
	if err != nil {
		return err
	}
	how := execution(e, profile)
	models := provider.New(provider.Options{Bucket: st.Bucket(), Getenv: edge.Getenv, Access: how.Models, Now: edge.Now, Log: edge.Logger()})
	found, err := openBatches(ctx, models, e, how)
	if err == nil && len(o.cancel) > 0 {
		err = cancelBatches(ctx, models, e, found, o.cancel)
	}
	if err := errors.Join(err, models.Close(ctx), st.close()); err != nil {
		return err
	}
	return printBatches(edge, o.output, found)
}

// openBatches lists the open batches, by model and time.
func openBatches(ctx context.Context, models *provider.Set, e *experiment.Experiment, how run.Execution) ([]openBatch, error) {
	found, asked := []openBatch{}, false
	for _, name := range slices.Sorted(maps.Keys(e.Spec.Models)) {
		m := e.Spec.Models[name].Identity(name)
		if m.Provider != llm.OpenAI || how.Models[name].Batch == nil {
			continue
		}
		asked = true
		open, err := models.OpenBatches(ctx, m)
		if err != nil {
			return nil, err
		}
		for _, b := range open {
			row := openBatch{Model: name, ID: b.ID, Status: b.Status, Requests: b.Requests, Answered: b.Completed, Created: b.Created.UTC().Truncate(time.Second), running: b.Running()}
			if b.ID == "" {
				row.Status = "not started"
			}
			found = append(found, row)
		}
	}
	if !asked {
		return nil, fault.New(fault.Config, errors.New("no model of this experiment is asked in batches"), "name the profile that says so, in its spec.batch, with --profile")
	}
	return found, nil
}

// cancelBatches cancels those of the found batches that are named and run, and
// says so in found.
func cancelBatches(ctx context.Context, models *provider.Set, e *experiment.Experiment, found []openBatch, ids []string) error {
	all := slices.Contains(ids, "all")
	for _, id := range ids {
		if id != "all" && !slices.ContainsFunc(found, func(b openBatch) bool { return b.ID == id }) {
			return fault.New(fault.Usage, fmt.Errorf("there is no open batch %q", id), "see 'gymline batches' without --cancel")
		}
	}
	for i, b := range found {
		if !b.running || !all && !slices.Contains(ids, b.ID) {
			continue
		}
		if err := models.CancelBatch(ctx, e.Spec.Models[b.Model].Identity(b.Model), b.ID); err != nil {
			return err
		}
		found[i].Status = llm.BatchCancelling
	}
	return nil
}

func printBatches(edge *cli.Edge, output string, found []openBatch) error {
	if output == "json" {
		return writeJSON(edge.Stdout, map[string]any{"batches": found})
	}
	tw := edge.NewTable("MODEL\tBATCH\tSTATUS\tREQUESTS\tANSWERED\tCREATED")
	for _, b := range found {
		row(tw, b.Model, b.ID, b.Status, b.Requests, b.Answered, b.Created.Format(time.RFC3339))
	}
	return tw.Flush()
}
