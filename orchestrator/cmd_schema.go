package main

import (
	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/experiment"
)

func newSchema(edge *cli.Edge) *cobra.Command {
	return &cobra.Command{
		Use:       "schema Experiment|Profile",
		Short:     "Print the JSON Schema of a kind of file, for editors",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{experiment.KindExperiment, experiment.KindProfile},
		RunE: func(_ *cobra.Command, args []string) error {
			data, err := experiment.Schema(args[0])
			if err != nil {
				return err
			}
			_, err = edge.Stdout.Write(data)
			return err
		},
	}
}
