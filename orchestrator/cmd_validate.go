package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/inspect"
)

func newValidate(edge *cli.Edge) *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE…",
		Short: "Check experiment and profile files, and the inputs' files; every problem is reported at once",
		Args:  cobra.MinimumNArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return runValidate(cmd.Context(), edge, args) },
	}
}

func runValidate(ctx context.Context, edge *cli.Edge, files []string) error {
	var problems []error
	for _, file := range files {
		data, err := readConfig(file)
		if err == nil {
			var read any
			if read, err = experiment.LoadAny(file, data, experiment.Options{Stat: os.Stat, Read: os.ReadFile}); err == nil {
				e, _ := read.(*experiment.Experiment)
				p, _ := read.(*experiment.Profile)
				noteTags(edge, e, p)
				notePrompts(edge, e)
				err = inspected(ctx, edge, e)
			}
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		fmt.Fprintf(edge.Stdout, "%s: ok\n", file)
	}
	return errors.Join(problems...)
}

// inspected reads what an experiment names in its inputs.
func inspected(ctx context.Context, edge *cli.Edge, e *experiment.Experiment) error {
	if e == nil {
		return nil
	}
	for _, name := range inspect.Unread(e) {
		fmt.Fprintf(edge.Stderr, "note: the input %s has no path here: its files are checked once a run is told where they lie\n", name)
	}
	return inspect.Inputs(ctx, e, os.DirFS)
}

// noteTags tells of images that may be others tomorrow. It is no warning: a tag that
// only its owner pushes is often what is wanted.
func noteTags(edge *cli.Edge, e *experiment.Experiment, p *experiment.Profile) {
	if fields := experiment.ByTag(e, p); len(fields) > 0 {
		fmt.Fprintf(edge.Stderr, "note: images by tag may change under a run; name them by digest, NAME@sha256:…: %s\n", strings.Join(fields, ", "))
	}
}

// notePrompts tells of checkpoints that are asked otherwise than they were trained, which
// may be the very question.
func notePrompts(edge *cli.Edge, e *experiment.Experiment) {
	for _, note := range experiment.AskedOtherwise(e) {
		fmt.Fprintf(edge.Stderr, "note: %s\n", note)
	}
}
