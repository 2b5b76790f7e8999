package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/fault"
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
