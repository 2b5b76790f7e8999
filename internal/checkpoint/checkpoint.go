// Package checkpoint is a trained model's folder as a trainer leaves it. What
// Inspect takes is whole: every file that a server needs to load it is there, and
// each holds what its name says: weights by the rules of their format, JSON and
// tokenizers as their readers want them. What stands in the place of a file, such
// as a pointer or a web page, is named. Nothing of it runs code when it is loaded: a
// config that asks for that is refused, and Data leaves out files that do. It reads headers alone, never the weights,
// so it costs the same for a model of any size.
package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// The kinds of checkpoint.
const (
	Full = "full" // a model
	LoRA = "lora" // an adapter of one
)

// Facts are what a checkpoint says of itself.
type Facts struct {
	Kind         string // Full or LoRA
	Base         string // base model: of an adapter always, of a full model where its config names one
	Architecture string // of a full model
}

// A Problem is what is wrong with one file, and what to do.
type Problem struct{ File, What, Do string }

// Problems are all that is wrong with a checkpoint.
type Problems []Problem

func (p Problems) Error() string {
	if len(p) == 1 {
		return "the checkpoint cannot be taken: " + p[0].String()
	}
	lines := []string{fmt.Sprintf("the checkpoint cannot be taken, for %d reasons:", len(p))}
	for _, one := range p {
		lines = append(lines, one.String())
	}
	return strings.Join(lines, "\n")
}

func (p Problem) String() string { return p.File + ": " + p.What + "; " + p.Do }

// Hint says what to do next; what is said of each file says the rest.
func (p Problems) Hint() string { return "nothing was stored: mend the folder and put it again" }

// Files of a checkpoint.
const (
	configFile    = "config.json"
	tokenizerFile = "tokenizer_config.json"
	weightsFile   = "model.safetensors"
	indexFile     = "model.safetensors.index.json"
	adapterFile   = "adapter_config.json"
	adapterModel  = "adapter_model.safetensors"
)

const (
	saveAgain   = "let the trainer save it again"
	uploadAgain = "copy it from the trainer again"
)

// maxJSON bounds a JSON file that is read whole, in bytes.
const maxJSON = 100_000_000

// Inspect checks a checkpoint's folder. base is the model that it has to be an
// adapter of, if it is one; "" takes any. The error is Problems, with everything
// that is wrong.
func Inspect(fsys fs.FS, base string) (Facts, error) {
	i := &inspection{fsys: fsys}
	var facts Facts
	gguf, _ := fs.Glob(fsys, "*.gguf") // the pattern is good
	entries, err := fs.ReadDir(fsys, ".")
	switch {
	case err != nil:
		i.add(".", "the folder cannot be read: "+reason(err), "give a folder that this user may read")
	case len(entries) == 0:
		i.add(".", "the folder is empty", "give the folder that the trainer saved the model into")
	case i.has(adapterFile) || i.has(adapterModel) || i.has("adapter_model.bin"):
		facts = i.adapter(base)
	case len(gguf) > 0 && !i.has(configFile):
		facts = i.gguf(gguf)
	default:
		facts = i.full()
	}
	i.code()
	if len(i.problems) > 0 {
		return Facts{}, i.problems
	}
	return facts, nil
}

type inspection struct {
	fsys     fs.FS
	problems Problems
}

func (i *inspection) add(file, what, do string) {
	i.problems = append(i.problems, Problem{file, what, do})
}

func (i *inspection) unreadable(file string, err error) {
	i.add(file, "it cannot be read: "+reason(err), "make it readable")
}

// has reports whether something of that name is there, readable or not.
func (i *inspection) has(name string) bool {
	_, err := fs.Lstat(i.fsys, name)
	return !errors.Is(err, fs.ErrNotExist)
}

// there adds a problem unless name is a file with content.
func (i *inspection) there(name, do string) bool {
	info, err := fs.Lstat(i.fsys, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		i.add(name, "it is missing", do)
	case err != nil:
		i.unreadable(name, err)
	case info.Mode()&fs.ModeSymlink != 0:
		i.add(name, "it is a link", "copy what it stands for to its place (cp -rL)")
	case !info.Mode().IsRegular():
		i.add(name, "it is not a file", do)
	case info.Size() == 0:
		i.add(name, "it is empty", do)
	default:
		return true
	}
	return false
}

// refuse adds why a file cannot be taken: by what it is instead, where that can be
// told from how it begins.
func (i *inspection) refuse(name string, err error, do string) {
	if what, then := instead(start(i.fsys, name)); what != "" {
		i.add(name, what, then)
		return
	}
	i.add(name, err.Error(), do)
}

// start is how a file begins.
func start(fsys fs.FS, name string) []byte {
	f, err := fsys.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	head, _ := io.ReadAll(io.LimitReader(f, 512)) // what cannot be read tells nothing
	return head
}

// open opens a file that is there, and adds a problem where it is not.
func (i *inspection) open(name, do string) fs.File {
	if !i.there(name, do) {
		return nil
	}
	f, err := i.fsys.Open(name)
	if err != nil {
		i.unreadable(name, err)
		return nil
	}
	return f
}

// reason is an error without the path, which is said beside it.
func reason(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}
