package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
)

const exitCodes = `Exit codes:
  0    done
  1    a defect of gymline's own
  64   unknown command, flag or argument
  65   permanent: bad data; the message says which row
  69   the budget is used up; raise it and run again to go on
  75   temporary: the store, the network or a provider failed, or a disk is full; try again
  78   bad configuration or credentials
  130  interrupted; what was done is kept`

func newRoot(edge *cli.Edge) *cobra.Command {
	root := &cobra.Command{
		Use:   "gymline",
		Short: "From one experiment file to datasets, reward model, trainer files and scores of proactive agents",
		Long: `Gymline runs one versioned experiment file as a line of jobs: generate → curate →
reward → finetune-export → evaluate. Every artifact is kept by its digest, so
running again does only what is missing.

` + exitCodes,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetArgs(edge.Args)
	root.SetOut(edge.Stdout)
	root.SetErr(edge.Stderr)
	root.SetFlagErrorFunc(usage)
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		newRun(edge), newPlan(edge), newValidate(edge), newSchema(edge),
		newList(edge), newShow(edge), newGet(edge), newFetch(edge), newCheckpoint(edge), newReport(edge), newStats(edge), newVersion(edge), newJob(edge),
		newCompile(edge), newSubmit(edge), newStatus(edge), newLogs(edge), newStop(edge), newRetry(edge), newResume(edge),
		newOpen(edge), newSeal(edge), newLook(edge), newInstall(edge), newBatches(edge),
	)
	for _, cmd := range root.Commands() {
		if check := cmd.Args; check != nil {
			cmd.Args = func(cmd *cobra.Command, args []string) error {
				if err := check(cmd, args); err != nil {
					return usage(cmd, err)
				}
				return nil
			}
		}
	}
	root.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			err := fmt.Errorf("unknown command %q", args[0])
			if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
				err = fmt.Errorf("%w; did you mean %q?", err, like[0])
			}
			return usage(cmd, err)
		}
		return nil
	}
	return root
}

func usage(cmd *cobra.Command, err error) error {
	return fault.New(fault.Usage, err, fmt.Sprintf("see '%s --help'", cmd.CommandPath()))
}
