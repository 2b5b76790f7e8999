package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/prompt"
)

func newPrompts(edge *cli.Edge) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prompts",
		Short: "Print the built-in system texts, to write your own from",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "show ROLE",
		Short: "Print the built-in text of a role: agent, judge, user, environment or scenes",
		Long: `Print the built-in text of a role, as a file that can be changed and named under
prompts in an experiment. As it is, it says the same as no prompt at all.
docs/prompts.md tells what may stand in it.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.ExactArgs(1)(cmd, args); err != nil {
				return usage(cmd, err)
			}
			return oneOf(cmd, "role", args[0], prompt.Roles())
		},
		ValidArgs: prompt.Roles(),
		RunE: func(_ *cobra.Command, args []string) error {
			text, _ := prompt.BuiltIn(args[0])
			_, err := fmt.Fprintln(edge.Stdout, text)
			return err
		},
	})
	return cmd
}
