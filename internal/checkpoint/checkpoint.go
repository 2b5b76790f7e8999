// Package checkpoint is a trained model's folder as a trainer leaves it. What
// Inspect takes is whole: every file that a server needs to load it is there, and
// no file of weights is cut short. It reads headers alone, never the weights, so
// it costs the same for a model of any size.
package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
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
	case i.has(adapterFile) || i.has(adapterModel):
		facts = i.adapter(base)
	case len(gguf) > 0 && !i.has(configFile):
		facts = i.gguf(gguf)
	default:
		facts = i.full()
	}
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

// has reports whether something of that name is there, readable or not.
func (i *inspection) has(name string) bool {
	_, err := fs.Stat(i.fsys, name)
	return !errors.Is(err, fs.ErrNotExist)
}

// there adds a problem unless name is a file with content.
func (i *inspection) there(name, do string) bool {
	info, err := fs.Stat(i.fsys, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		i.add(name, "it is missing", do)
	case err != nil:
		i.add(name, "it cannot be read: "+reason(err), "make it readable")
	case !info.Mode().IsRegular():
		i.add(name, "it is not a file", do)
	case info.Size() == 0:
		i.add(name, "it is empty", do)
	default:
		return true
	}
	return false
}

// document decodes a JSON file, and adds a problem where it is none.
func (i *inspection) document(name string, into any, do string) bool {
	if !i.there(name, do) {
		return false
	}
	f, err := i.fsys.Open(name)
	if err != nil {
		i.add(name, "it cannot be read: "+reason(err), "make it readable")
		return false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxJSON+1))
	switch {
	case err != nil:
		i.add(name, "it cannot be read: "+reason(err), "make it readable")
	case len(data) > maxJSON:
		i.add(name, fmt.Sprintf("it has more than %d bytes", maxJSON), saveAgain)
	default:
		if err := json.Unmarshal(data, into); err != nil {
			i.add(name, "it is not the JSON that was expected: "+err.Error(), saveAgain)
			return false
		}
		return true
	}
	return false
}

// full checks a model in the form of Hugging Face.
func (i *inspection) full() Facts {
	facts := Facts{Kind: Full}
	var config struct {
		Architectures []string `json:"architectures"`
		ModelType     string   `json:"model_type"`
		Name          string   `json:"_name_or_path"`
	}
	if i.document(configFile, &config, "give the folder that the trainer saved the model into; a model has config.json, an adapter adapter_config.json") {
		facts.Base, facts.Architecture = config.Name, config.ModelType
		if len(config.Architectures) > 0 {
			facts.Architecture = config.Architectures[0]
		}
		if facts.Architecture == "" {
			i.add(configFile, "it names neither architectures nor model_type", saveAgain)
		}
	}
	const tokenizer = "save the tokenizer into the same folder (tokenizer.save_pretrained)"
	if !i.has("tokenizer.json") && i.has("tokenizer.model") {
		i.there("tokenizer.model", tokenizer)
	} else {
		i.there("tokenizer.json", tokenizer)
	}
	i.document(tokenizerFile, new(map[string]any), tokenizer)
	switch {
	case i.has(indexFile):
		i.shards()
	case i.has(weightsFile):
		i.weights(weightsFile)
	default:
		what := "it is missing, and so is " + indexFile
		if pickles, _ := fs.Glob(i.fsys, "*.bin"); len(pickles) > 0 {
			what += "; weights in " + pickles[0] + " are not taken, since loading them runs code"
		}
		i.add(weightsFile, what, "save the weights as safetensors")
	}
	return facts
}

// shards checks the files of an index, and that each has what the index says.
func (i *inspection) shards() {
	var index struct {
		Map map[string]string `json:"weight_map"`
	}
	if !i.document(indexFile, &index, saveAgain) {
		return
	}
	if len(index.Map) == 0 {
		i.add(indexFile, "its weight_map is empty", saveAgain)
	}
	tensors := map[string][]string{}
	for tensor, file := range index.Map {
		tensors[file] = append(tensors[file], tensor)
	}
	for _, file := range sorted(tensors) {
		if !inside(file) {
			i.add(indexFile, fmt.Sprintf("it names the file %q, which is not a plain path within the folder", file), saveAgain)
			continue
		}
		has := i.weights(file)
		if has == nil {
			continue
		}
		var missing []string
		for _, tensor := range tensors[file] {
			if !has[tensor] {
				missing = append(missing, tensor)
			}
		}
		if len(missing) > 0 {
			slices.Sort(missing)
			i.add(file, fmt.Sprintf("it lacks %d of the tensors that %s places in it, the first is %s", len(missing), indexFile, missing[0]), uploadAgain)
		}
	}
}

// inside reports whether a path of an index stays in the folder and is stored:
// names that start with a dot are not.
func inside(file string) bool {
	if !fs.ValidPath(file) || file == "." || strings.Contains(file, `\`) {
		return false
	}
	for segment := range strings.SplitSeq(file, "/") {
		if strings.HasPrefix(segment, ".") {
			return false
		}
	}
	return path.Ext(file) == ".safetensors"
}

// weights checks one file of weights and returns its tensors, nil when it is bad.
func (i *inspection) weights(name string) map[string]bool {
	if !i.there(name, uploadAgain) {
		return nil
	}
	f, err := i.fsys.Open(name)
	if err != nil {
		i.add(name, "it cannot be read: "+reason(err), "make it readable")
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		i.add(name, "it cannot be read: "+reason(err), "make it readable")
		return nil
	}
	tensors, err := readHeader(f, info.Size())
	if err != nil {
		i.add(name, err.Error(), uploadAgain)
		return nil
	}
	return tensors
}

// adapter checks an adapter in the form of PEFT.
func (i *inspection) adapter(base string) Facts {
	facts := Facts{Kind: LoRA}
	var config struct {
		Type    string          `json:"peft_type"`
		Rank    int             `json:"r"`
		Targets json.RawMessage `json:"target_modules"`
		Base    string          `json:"base_model_name_or_path"`
	}
	if i.document(adapterFile, &config, "save the adapter with its config (model.save_pretrained)") {
		facts.Base = config.Base
		if !strings.EqualFold(config.Type, "LORA") {
			i.add(adapterFile, fmt.Sprintf("its peft_type is %q", config.Type), "train with LORA, or merge the adapter and give the full model")
		}
		if config.Rank <= 0 {
			i.add(adapterFile, fmt.Sprintf("its rank r is %d", config.Rank), saveAgain)
		}
		if targets := string(config.Targets); targets == "" || targets == "null" || targets == "[]" || targets == `""` {
			i.add(adapterFile, "it has no target_modules", saveAgain)
		}
		switch {
		case config.Base == "":
			i.add(adapterFile, "it has no base_model_name_or_path", saveAgain)
		case base != "" && config.Base != base:
			i.add(adapterFile, fmt.Sprintf("it is an adapter of %q, and the experiment wants one of %q", config.Base, base),
				"train from that base, or correct the experiment's train.base")
		}
	}
	i.weights(adapterModel)
	return facts
}

// gguf checks a model in the form of llama.cpp: one file that has everything.
func (i *inspection) gguf(files []string) Facts {
	facts := Facts{Kind: Full}
	if len(files) > 1 {
		i.add(files[0], fmt.Sprintf("it is one of %d GGUF files", len(files)), "give a folder with one: merge the splits (llama-gguf-split --merge), and choose one quantisation")
		return facts
	}
	if !i.there(files[0], uploadAgain) {
		return facts
	}
	f, err := i.fsys.Open(files[0])
	if err != nil {
		i.add(files[0], "it cannot be read: "+reason(err), "make it readable")
		return facts
	}
	defer f.Close()
	if facts.Architecture, err = readGGUF(f); err != nil {
		i.add(files[0], err.Error(), uploadAgain)
	}
	return facts
}

// reason is an error without the path, which is said beside it.
func reason(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

func sorted(m map[string][]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
