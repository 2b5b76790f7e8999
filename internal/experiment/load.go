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
	// NeedInputs makes an input that has no path a problem.
	NeedInputs bool
}

// Load reads an Experiment, one YAML document. name is the file's path, which
// messages name and paths of inputs are relative to. The error is Problems:
// everything that is wrong, in the order of the file.
func Load(name string, data []byte, opts Options) (*Experiment, error) {
	l := newLoader(name)
	root := l.document(data)
	if root == nil {
		return nil, l.err()
	}
	return l.experiment(root, opts)
}

// LoadProfile reads a Profile, as Load does an Experiment.
func LoadProfile(name string, data []byte) (*Profile, error) {
	l := newLoader(name)
	root := l.document(data)
	if root == nil {
		return nil, l.err()
	}
	return l.profile(root)
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

func (l *loader) experiment(root *node, opts Options) (*Experiment, error) {
	l.override(root, opts.Set)
	l.secrets(root, "")
	var e Experiment
	switch l.version(root, KindExperiment) {
	case V1Alpha1:
		l.decode(root, reflect.ValueOf(&e).Elem(), "", &field{})
	default: // an older version decodes into types of its own here, and is then upgraded to e
		return nil, l.err()
	}
	l.checkExperiment(&e)
	l.resolveInputs(&e, opts)
	if err := l.err(); err != nil {
		return nil, err
	}
	return &e, nil
}

func (l *loader) profile(root *node) (*Profile, error) {
	l.secrets(root, "")
	var p Profile
	switch l.version(root, KindProfile) {
	case V1Alpha1:
		l.decode(root, reflect.ValueOf(&p).Elem(), "", &field{})
	default:
		return nil, l.err()
	}
	l.checkProfile(&p)
	if err := l.err(); err != nil {
		return nil, err
	}
	return &p, nil
}

// version returns the version to decode root as, or "" after a problem. A
// missing or misshapen one counts as the newest, whose decoder reports it.
func (l *loader) version(root *node, kind string) string {
	if k := root.get("kind"); k != nil && k.kind == stringNode && k.text != kind {
		l.add(k.at, "kind", fmt.Sprintf("is %q, not %s", clip(k.text), kind), kindFix(k.text, kind))
		return ""
	}
	v := root.get("apiVersion")
	if v == nil || v.kind != stringNode || v.text == V1Alpha1 {
		return V1Alpha1
	}
	l.add(v.at, "apiVersion", fmt.Sprintf("this gymline does not read version %q", clip(v.text)), "write "+V1Alpha1+", or use the gymline that the file was written for")
	return ""
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
