package main

import (
	"fmt"
	"runtime/debug"
	"strings"

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

// version is the module's version, and where it was built from a checkout, the
// commit, if the build was told it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && !strings.Contains(v, s.Value[:min(12, len(s.Value))]) {
			v += " " + s.Value
		}
	}
	return v
}
