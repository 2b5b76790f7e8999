package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/text"
)

// bindOutput adds -o; the first form is the default.
func bindOutput(cmd *cobra.Command, output *string, forms ...string) {
	*output = forms[0]
	cmd.Flags().VarP(&form{output, forms}, "output", "o", strings.Join(forms, ", "))
}

// A form is the value of -o: one of several.
type form struct {
	value *string
	forms []string
}

func (f *form) String() string { return *f.value }
func (f *form) Type() string   { return "string" }

func (f *form) Set(s string) error {
	if *f.value = s; !slices.Contains(f.forms, s) {
		return errors.New("want " + strings.Join(f.forms, ", "))
	}
	return nil
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// row adds a row to a table. No cell can begin another.
func row(tw io.Writer, cells ...any) {
	texts := make([]string, len(cells))
	for i, cell := range cells {
		texts[i] = text.Line(fmt.Sprint(cell))
	}
	fmt.Fprintln(tw, strings.Join(texts, "\t"))
}

// printSpent tells how far a budget is used, where there is one.
func printSpent(edge *cli.Edge, s *run.Spending) {
	if s != nil {
		fmt.Fprintf(edge.Stdout, "spent %s of %s, since %s\n", text.Dollars(s.USD), text.Dollars(s.BudgetUSD), s.Account)
	}
}
