package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/input"
	"github.com/gymline/gymline/internal/progress"
)

// configFlags are shared by the commands that read an experiment.
type configFlags struct {
	config  string
	profile string
	inputs  []string
	set     []string
	fresh   bool
	anew    anewFlags
	who     whoFlags
}

func (f *configFlags) bind(cmd *cobra.Command) {
	bindProfile(cmd, &f.profile)
	cmd.Flags().StringArrayVar(&f.inputs, "input", nil, "`NAME=PATH`: where a named input lies (repeatable)")
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "`PATH=VALUE`: override a field under spec, such as generate.shards=16 (repeatable)")
}

// bindFresh adds --fresh, where a run follows.
func (f *configFlags) bindFresh(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.fresh, "fresh", false, "do every step anew, and store every input file anew; what models answered before is replayed (see --ask-again)")
}

func bindProfile(cmd *cobra.Command, profile *string) {
	cmd.Flags().StringVar(profile, "profile", "", "`FILE` of kind Profile: where things are (default: $GYMLINE_PROFILE, or else this machine, the store under .gymline/)")
}

// loadProfile reads a profile, or returns the default one.
func loadProfile(file string) (*experiment.Profile, error) {
	p, _, err := readProfileFile(file)
	return p, err
}

// readProfileFile gives its text, too; none of the default one.
func readProfileFile(file string) (p *experiment.Profile, data []byte, err error) {
	if file == "" {
		return experiment.DefaultProfile(), nil, nil
	}
	if data, err = readConfig(file); err == nil {
		p, err = experiment.LoadProfile(file, data)
	}
	return p, data, err
}

func readConfig(file string) ([]byte, error) {
	data, err := os.ReadFile(file)
	return data, fault.New(fault.Config, err, "give the path of a YAML file")
}

// inputsOf are the experiment's inputs; events hears how far they are, and leftOut
// gets what is hidden in them.
func inputsOf(edge *cli.Edge, e *experiment.Experiment, events progress.Sink, leftOut map[string][]string) input.Inputs {
	in := input.Inputs{Folders: map[string]string{}, Now: edge.Now, Events: events}
	in.LeftOut = func(name, path string) { leftOut[name] = append(leftOut[name], strings.ToValidUTF8(path, "?")) }
	if dir := edge.CacheDir(); dir != "" {
		in.Memory = filepath.Join(dir, "inputs")
	}
	for name, at := range e.Spec.Inputs {
		in.Folders[name] = at.Path
	}
	return in
}
