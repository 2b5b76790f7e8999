package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/fault"
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

// eachInput calls fn with every named input of the experiment, by name.
func eachInput(e *experiment.Experiment, fn func(name string, fsys fs.FS) error) error {
	for _, name := range slices.Sorted(maps.Keys(e.Spec.Inputs)) {
		path := e.Spec.Inputs[name].Path
		if err := fn(name, os.DirFS(path)); err != nil {
			return inputError(name, path, err)
		}
	}
	return nil
}

// inputError makes an unreadable file a matter of configuration; the store's
// errors say themselves what they are.
func inputError(name, path string, err error) error {
	err = fmt.Errorf("input %s: %w", name, err)
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return fault.New(fault.Config, err, "make every file under "+filepath.Clean(path)+" readable")
	}
	return err
}

// storeInputs copies the inputs into the store; anew asks it for every file.
func storeInputs(ctx context.Context, st *store.Store, e *experiment.Experiment, anew bool) (map[string]store.Tree, error) {
	trees := map[string]store.Tree{}
	return trees, eachInput(e, func(name string, fsys fs.FS) (err error) {
		trees[name], err = st.PutTree(ctx, fsys, store.Intake{Anew: anew})
		return err
	})
}

func treeDigests(trees map[string]store.Tree) map[string]store.Digest {
	digests := map[string]store.Digest{}
	for name, t := range trees {
		digests[name] = t.Digest
	}
	return digests
}
