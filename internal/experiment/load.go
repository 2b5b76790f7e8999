package experiment

import (
	"fmt"
	"io/fs"
	"reflect"
)

// Options are what a command line adds to an experiment's file.
type Options struct {
	// Set overrides fields: "PATH=VALUE", where PATH lies under spec and VALUE
	// is YAML; "generate.shards=16". The value null removes the field.
	Set []string
	// Inputs gives paths of inputs by name, over those of the file.
	Inputs map[string]string
	// Stat, where it is set, looks at what inputs' paths and the files within
	// them refer to (os.Stat); what is absent is a problem.
	Stat func(path string) (fs.FileInfo, error)
	// Read, where it is set beside Stat, reads the texts of prompts (os.ReadFile), so that
	// they are checked, and a plan can be made.
	Read func(path string) ([]byte, error)
	// NeedInputs makes an input that has no path a problem.
	NeedInputs bool
}

// Load reads an Experiment, one YAML document. name is the file's path, which
// messages name and paths of inputs are relative to. The error is Problems:
// everything that is wrong, in the order of the file.
func Load(name string, data []byte, opts Options) (*Experiment, error) {
	l := newLoader(name)
	return l.experiment(l.document(data), opts)
}

// LoadProfile reads a Profile, as Load does an Experiment.
func LoadProfile(name string, data []byte) (*Profile, error) {
	l := newLoader(name)
	return l.profile(l.document(data))
}

// LoadAny reads a file of either kind: the value is an *Experiment or a *Profile.
// The options are for experiments alone.
func LoadAny(name string, data []byte, opts Options) (any, error) {
	l := newLoader(name)
	root := l.document(data)
	if root == nil {
		return nil, l.err()
	}
	kind := root.get("kind")
	switch {
	case kind == nil:
		l.add(root.at, "kind", "is missing", "write kind: Experiment or kind: Profile")
	case kind.text == KindExperiment:
		if e, err := l.experiment(root, opts); err == nil {
			return e, nil
		}
	case kind.text == KindProfile:
		if p, err := l.profile(root); err == nil {
			return p, nil
		}
	default:
		l.add(kind.at, "kind", "is neither Experiment nor Profile", "write kind: Experiment or kind: Profile")
	}
	return nil, l.err()
}

// DefaultProfile is the profile of a run that is given none: this machine, a
// folder for the store and the local engine.
func DefaultProfile() *Profile {
	p := Profile{APIVersion: V1Alpha1, Kind: KindProfile, Metadata: Metadata{Name: "default"}}
	setDefaults(reflect.ValueOf(&p.Spec).Elem())
	p.Spec.Store.Folder = defaultFolder()
	return &p
}

func defaultFolder() *Folder {
	var f Folder
	setDefaults(reflect.ValueOf(&f).Elem())
	return &f
}

// document returns the mapping that the file is, or nil after problems.
func (l *loader) document(data []byte) *node {
	top := place{file: l.file, line: 1, column: 1}
	root := l.parse(top, "", data)
	if root != nil && root.kind != mapNode {
		l.add(root.at, "", "want a mapping, found "+describeNode(root), "start with apiVersion: "+V1Alpha1)
		return nil
	}
	return root
}

// experiment reads the mapping; root is nil after problems.
func (l *loader) experiment(root *node, opts Options) (*Experiment, error) {
	if root == nil {
		return nil, l.err()
	}
	l.override(root, opts.Set)
	l.secrets(root, "", "")
	if !l.reads(root, KindExperiment) {
		return nil, l.err()
	}
	var e Experiment
	l.matrices(root)
	l.decode(root, reflect.ValueOf(&e).Elem(), "", &field{})
	l.checkExperiment(&e)
	l.resolveInputs(&e, opts)
	if err := l.err(); err != nil {
		return nil, err
	}
	return &e, nil
}

func (l *loader) profile(root *node) (*Profile, error) {
	if root == nil {
		return nil, l.err()
	}
	l.secrets(root, "", "")
	if !l.reads(root, KindProfile) {
		return nil, l.err()
	}
	var p Profile
	l.decode(root, reflect.ValueOf(&p).Elem(), "", &field{})
	l.checkProfile(&p)
	if err := l.err(); err != nil {
		return nil, err
	}
	return &p, nil
}

// reads reports whether root is of the kind, in a version that can be decoded. What
// is missing or misshapen counts as right, for the decoder to report.
func (l *loader) reads(root *node, kind string) bool {
	if k := root.get("kind"); k != nil && k.kind == stringNode && k.text != kind {
		l.add(k.at, "kind", fmt.Sprintf("is %q, not %s", clip(k.text), kind), kindFix(k.text, kind))
		return false
	}
	v := root.get("apiVersion")
	if v == nil || v.kind != stringNode || v.text == V1Alpha1 {
		return true
	}
	l.add(v.at, "apiVersion", fmt.Sprintf("this gymline does not read version %q", clip(v.text)), "write "+V1Alpha1+", or use the gymline that the file was written for")
	return false
}

func kindFix(given, want string) string {
	switch {
	case given == KindProfile && want == KindExperiment:
		return "give the profile by --profile, and an experiment here"
	case given == KindExperiment && want == KindProfile:
		return "give a file of kind Profile"
	}
	return "write kind: " + want
}
