package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/input"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

// configFlags are shared by the commands that read an experiment.
type configFlags struct {
	config  string
	profile string
	inputs  []string
	set     []string
}

func (f *configFlags) bind(cmd *cobra.Command) {
	bindProfile(cmd, &f.profile)
	cmd.Flags().StringArrayVar(&f.inputs, "input", nil, "`NAME=PATH`: where a named input lies (repeatable)")
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "`PATH=VALUE`: override a field under spec, such as generate.shards=16 (repeatable)")
}

func bindProfile(cmd *cobra.Command, profile *string) {
	cmd.Flags().StringVar(profile, "profile", "", "`FILE` of kind Profile: where things are (default: this machine, the store under .gymline/)")
}

func (f *configFlags) load() (*experiment.Experiment, *experiment.Profile, error) {
	opts := experiment.Options{Set: f.set, Inputs: map[string]string{}, NeedInputs: true, Stat: os.Stat}
	for _, in := range f.inputs {
		name, path, ok := strings.Cut(in, "=")
		if !ok || name == "" || path == "" {
			return nil, nil, fault.New(fault.Usage, fmt.Errorf("--input %q: want NAME=PATH", in), "")
		}
		opts.Inputs[name] = path
	}
	data, err := readConfig(f.config)
	if err != nil {
		return nil, nil, err
	}
	e, err := experiment.Load(f.config, data, opts)
	if err != nil {
		return nil, nil, err
	}
	p, err := loadProfile(f.profile)
	return e, p, err
}

// loadProfile reads a profile, or returns the default one.
func loadProfile(file string) (*experiment.Profile, error) {
	if file == "" {
		return experiment.DefaultProfile(), nil
	}
	data, err := readConfig(file)
	if err != nil {
		return nil, err
	}
	return experiment.LoadProfile(file, data)
}

func readConfig(file string) ([]byte, error) {
	data, err := os.ReadFile(file)
	return data, fault.New(fault.Config, err, "give the path of a YAML file")
}

// inputsOf are the experiment's inputs; events hears how far they are.
func inputsOf(edge *cli.Edge, e *experiment.Experiment, events progress.Sink) input.Inputs {
	in := input.Inputs{Folders: map[string]string{}, Now: edge.Now, Events: events}
	if dir := edge.CacheDir(); dir != "" {
		in.Memory = filepath.Join(dir, "inputs")
	}
	for name, at := range e.Spec.Inputs {
		in.Folders[name] = at.Path
	}
	return in
}

// listInputs lists the inputs' files without storing them.
func listInputs(ctx context.Context, edge *cli.Edge, e *experiment.Experiment) (map[string]*store.TreeFS, error) {
	shown := newTerminal(edge)
	defer shown.Close()
	return inputsOf(edge, e, shown).Digest(ctx)
}

func treeDigests(trees map[string]store.Tree) map[string]store.Digest {
	digests := map[string]store.Digest{}
	for name, t := range trees {
		digests[name] = t.Digest
	}
	return digests
}
