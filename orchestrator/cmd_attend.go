package main

import (
	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/trainer/apart"
)

// newAttend is the first process of a trainer's container.
func newAttend(edge *cli.Edge) *cobra.Command {
	a := apart.Attendant{}
	cmd := &cobra.Command{
		Use:   "attend FOLDER",
		Short: "Run the trainer that the job of this pod asks for (engines call this)",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Folder, a.Runner = args[0], newChildTrainer(edge)
			return a.Attend(cmd.Context())
		},
	}
	cmd.Flags().StringArrayVar(&a.Apart, "apart-from", nil, "refuse to train where this container has `PATH`")
	return cmd
}
