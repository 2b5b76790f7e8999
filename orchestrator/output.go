package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

// bindOutput adds -o; the first form is the default.
func bindOutput(cmd *cobra.Command, output *string, forms ...string) {
	cmd.Flags().StringVarP(output, "output", "o", forms[0], strings.Join(forms, ", "))
}

func checkOutput(output string, forms ...string) error {
	if slices.Contains(forms, output) {
		return nil
	}
	return fault.New(fault.Usage, fmt.Errorf("-o %s: want %s", output, strings.Join(forms, ", ")), "")
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// table begins a table for people, whose cells are parted by tabs; Flush ends it.
func table(w io.Writer, header string) *tabwriter.Writer {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, header)
	return tw
}

// short is enough of a digest for a person.
func short(d store.Digest) string { return string(d[:min(12, len(d))]) }

// printSpent tells how far a budget is used, where there is one.
func printSpent(edge *cli.Edge, s *run.Spending) {
	if s != nil {
		fmt.Fprintf(edge.Stdout, "spent %s of %s, since %s\n", text.Dollars(s.USD), text.Dollars(s.BudgetUSD), s.Account)
	}
}
