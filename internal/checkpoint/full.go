package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// full checks a model in the form of Hugging Face.
func (i *inspection) full() Facts {
	facts := Facts{Kind: Full}
	var config struct {
		Architectures []string `json:"architectures"`
		ModelType     string   `json:"model_type"`
		Name          string   `json:"_name_or_path"`
	}
	if i.document(configFile, python, &config, "give the folder that the trainer saved the model into; a model has config.json, an adapter adapter_config.json") {
		facts.Base, facts.Architecture = config.Name, config.ModelType
		if len(config.Architectures) > 0 {
			facts.Architecture = config.Architectures[0]
		}
		if facts.Architecture == "" {
			i.add(configFile, "it names neither architectures nor model_type", saveAgain)
		}
	}
	i.tokenizer()
	i.beside()
	if i.has(indexFile) {
		i.shards()
	}
	switch {
	case i.has(weightsFile): // a loader takes it before the index
		i.weights(weightsFile)
	case !i.has(indexFile):
		i.without(weightsFile, "it is missing, and so is "+indexFile)
	}
	return facts
}

// shards checks the files of an index, and that each has what the index says.
func (i *inspection) shards() {
	var index struct {
		Map map[string]string `json:"weight_map"`
	}
	if !i.document(indexFile, python, &index, saveAgain) {
		return
	}
	if len(index.Map) == 0 {
		i.add(indexFile, "its weight_map is empty", saveAgain)
	}
	tensors := map[string][]string{}
	for tensor, file := range index.Map {
		tensors[file] = append(tensors[file], tensor)
	}
	for _, file := range slices.Sorted(maps.Keys(tensors)) {
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
	f := i.open(name, uploadAgain)
	if f == nil {
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		i.unreadable(name, err)
		return nil
	}
	tensors, err := readHeader(f, info.Size())
	if err == nil {
		return tensors
	}
	do := uploadAgain
	if _, empty := errors.AsType[emptyTensors](err); empty {
		do = "gather the weights before saving (with ZeRO-3: stage3_gather_16bit_weights_on_model_save, or zero_to_fp32.py on its checkpoint)"
	}
	i.refuse(name, err, do)
	return nil
}

// without adds that weights are missing, and why those that are there do not count.
func (i *inspection) without(name, what string) {
	if file := i.pickle(); file != "" {
		i.add(name, what+"; "+file+" is not taken: it is a pickle, and loading one runs code", asSafetensors)
		return
	}
	for _, sign := range []string{"zero_to_fp32.py", "latest"} {
		if i.has(sign) {
			i.add(name, what+"; the folder holds the sharded state of DeepSpeed", "make weights of it: python zero_to_fp32.py . OUT --safe_serialization")
			return
		}
	}
	i.add(name, what, "save the weights as safetensors, and copy all of the folder")
}

// pickle is the first file of the folder that holds weights as a pickle, or "".
// Trainers keep their own state in pickles beside the weights.
func (i *inspection) pickle() string {
	entries, _ := fs.ReadDir(i.fsys, ".") // its reader has said why it cannot be read
	for _, entry := range entries {
		name := entry.Name()
		state := slices.ContainsFunc([]string{"training_args", "optimizer", "scheduler", "rng_state", "random_states", "scaler", "sampler"},
			func(prefix string) bool { return strings.HasPrefix(name, prefix) })
		if !state && slices.Contains([]string{".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"}, path.Ext(name)) {
			return name
		}
	}
	return ""
}
