package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
)

func newMan(edge *cli.Edge) *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write a manual page for each command into a folder",
		Long: `Write a manual page for each command into a folder, such as
~/.local/share/man/man1, where man(1) finds them.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runMan(edge, cmd.Root(), args[0]) },
	}
}

func runMan(edge *cli.Edge, root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.New(fault.Config, err, "name a folder that can be written")
	}
	now := edge.Now()
	root.DisableAutoGenTag = true
	header := doc.GenManHeader{Title: "GYMLINE", Section: "1", Date: &now, Source: "gymline " + made().Version, Manual: "Gymline"}
	if err := doc.GenManTree(root, &header, dir); err != nil {
		return fault.New(fault.Config, err, "name a folder that can be written")
	}
	_, err := fmt.Fprintln(edge.Stdout, dir)
	return err
}
