package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/trace"
)

func newSchema(edge *cli.Edge) *cobra.Command {
	kinds := append([]string{experiment.KindExperiment, experiment.KindProfile}, trace.Kinds()...)
	return &cobra.Command{
		Use:   "schema " + strings.Join(kinds, "|"),
		Short: "Print the JSON Schema of a kind of file, for editors",
		Long: `Print the JSON Schema of a kind of file: of configs, and of what inputs hold, which
docs/formats.md shows with a sample each.`,
		Args:      cobra.ExactArgs(1),
		ValidArgs: kinds,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf(cmd, "kind of file", args[0], kinds); err != nil {
				return err
			}
			schema := experiment.Schema
			if slices.Contains(trace.Kinds(), args[0]) {
				schema = trace.Schema
			}
			data, err := schema(args[0])
			if err != nil {
				return err
			}
			_, err = edge.Stdout.Write(data)
			return err
		},
	}
}
