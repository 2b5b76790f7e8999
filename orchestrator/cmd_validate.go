package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/experiment"
)

func newValidate(edge *cli.Edge) *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE…",
		Short: "Check experiment and profile files; every problem is reported at once",
		Args:  cobra.MinimumNArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return runValidate(edge, args) },
	}
}

func runValidate(edge *cli.Edge, files []string) error {
	var problems []error
	for _, file := range files {
		data, err := readConfig(file)
		if err == nil {
			_, err = experiment.LoadAny(file, data, experiment.Options{Stat: os.Stat})
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		fmt.Fprintf(edge.Stdout, "%s: ok\n", file)
	}
	return errors.Join(problems...)
}
