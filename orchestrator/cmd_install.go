package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
)

// newInstall copies this binary to where a trainer's container finds it.
func newInstall(edge *cli.Edge) *cobra.Command {
	return &cobra.Command{
		Use:   "install FILE",
		Short: "Copy this binary to FILE (engines call this)",
		Args:  cobra.ExactArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return runInstall(edge, args[0]) },
	}
}

func runInstall(edge *cli.Edge, file string) (err error) {
	self, err := edge.Executable()
	if err != nil {
		return fault.New(fault.Internal, err, "")
	}
	from, err := os.Open(self)
	if err != nil {
		return fault.New(fault.Internal, err, "")
	}
	defer from.Close()
	to, err := os.OpenFile(file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755) //nolint:gosec // the trainer's container may run it as another user
	if err != nil {
		return fault.New(fault.Config, err, "give a file in a folder that can be written")
	}
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		return fault.New(fault.Temporary, err, "free space")
	}
	return fault.New(fault.Temporary, to.Close(), "free space")
}
