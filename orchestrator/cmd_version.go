package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
)

func newVersion(edge *cli.Edge) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print gymline's version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(edge.Stdout, "gymline", version())
			return err
		},
	}
}

// version is the module's version, or its commit when it was built from a checkout.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}
