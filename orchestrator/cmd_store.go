package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/store/check"
)

func newStore(edge *cli.Edge) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Look after the store itself",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var profile, output string
	test := &cobra.Command{
		Use:   "check",
		Short: "Test whether a bucket keeps what a store is built on",
		Long: `Test a profile's store thoroughly: objects that are created once although many
race for them, what is read and listed right after it was written, parts and large
objects, checksums, clock, versioning and object lock, with the rights that the
profile's keys have. The bucket has to be there. What the test writes, some 9 MB,
lies under check/ and can be removed.

A store on a server is probed, lightly, when it is opened for writing for the first
time, and refused if it lets runs overwrite each other. A store that is found good
here is not probed again.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runStoreCheck(cmd.Context(), edge, profile, output) },
	}
	bindProfile(test, &profile)
	bindOutput(test, &output, "table", "json")
	cmd.AddCommand(test)
	return cmd
}

func runStoreCheck(ctx context.Context, edge *cli.Edge, profile, output string) error {
	p, err := loadProfile(profile)
	if err != nil {
		return err
	}
	open := openProfile // a folder is made where there is none
	if p.Spec.Store.Folder == nil {
		open = readProfile
	}
	st, err := open(ctx, edge, p)
	if err != nil {
		return err
	}
	var findings []check.Finding
	err = check.Thorough(ctx, st.Bucket(), st.server, edge.Now, func(f check.Finding) { findings = append(findings, f) })
	err = errors.Join(err, st.close())
	if output == "json" {
		return errors.Join(writeJSON(edge.Stdout, map[string]any{"checks": findings}), err)
	}
	tw := edge.NewTable("CHECK\tSTATE\tDETAIL")
	for _, f := range findings {
		row(tw, f.Check, f.State, f.Detail)
	}
	return errors.Join(tw.Flush(), err)
}
