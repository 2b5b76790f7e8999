package checkpoint_test

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/checkpoint"
)

// Files that run code when they are loaded are left out, by name, whatever the folder
// and the case of their names; what is data stays as it is.
func TestWhatRunsCodeIsLeftOut(t *testing.T) {
	code := map[string]string{
		"modeling_own.py": "x", "sub/Tokenizer.PY": "x", "__pycache__/a.pyc": "x", "training_args.bin": "PK\x03\x04", "checkpoint-5/optimizer.pt": "x",
		"state/data.dat": "\x80\x04\x95", "vocab.old": "PK\x03\x04", "lib.so": "\x7fELF", "rng_state_0.pth": "x", "m.h5": "\x89HDF\r\n",
	}
	data := with(full, "README.md", "PKs and .py files", "extra.safetensors", "\x80\x02\x00\x00", "sub/notes.txt", "x", "py", "x")
	files := maps.Clone(data)
	maps.Copy(files, code)
	files[".git/hook.py"] = "x" // names with a dot are never taken
	left := slices.Sorted(maps.Keys(code))
	fsys, got, err := checkpoint.Data(folder(files))
	if err != nil || !slices.Equal(slices.Sorted(slices.Values(got)), left) {
		t.Errorf("%q, %v; want %q", got, err, left)
	}
	var seen []string
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasPrefix(name, ".") {
			seen = append(seen, name)
		}
		return err
	})
	if want := slices.Sorted(maps.Keys(data)); err != nil || !slices.Equal(slices.Sorted(slices.Values(seen)), want) {
		t.Errorf("%q, %v; want %q", seen, err, want)
	}
	if _, err := fsys.Open("lib.so"); err == nil {
		t.Error("what is left out can be opened")
	}
	if s := (checkpoint.LeftOut)(slices.Repeat([]string{"a"}, 9)).String(); s != "a, a, a, a, a, a, a, a and 1 more" {
		t.Error(s)
	}
}

// A config that names code is refused by its name, also where the code itself is
// not in the folder.
func TestNamedCodeIsRefused(t *testing.T) {
	const config = "config.json"
	inserted := func(field string) string { return strings.Replace(full[config], "{", "{"+field+",", 1) }
	for name, files := range map[string]map[string]string{
		"beside":    with(full, config, inserted(`"auto_map":{"AutoConfig":"own.Config","AutoModel":"own.Model"}`), "own.py", "x"),
		"elsewhere": with(full, config, inserted(`"auto_map":{"AutoModel":"else/where--own.Model"}`)),
		"tokenizer": with(full, "tokenizer_config.json", `{"auto_map":{"AutoTokenizer":[null,"own.Fast"]}}`),
		"processor": with(full, "processor_config.json", `{"auto_map":{"AutoProcessor":"own.P"}}`),
		"within":    with(full, config, inserted(`"limit":NaN,"vision_config":{"auto_map":{"AutoModel":"own.V"}}`)),
		"pipeline":  with(full, config, inserted(`"custom_pipelines":{"x":{"impl":"own.Pipe"}}`)),
		"adapter":   with(lora, "tokenizer_config.json", `{"auto_map":{"AutoTokenizer":["own.T",null]}}`),
		"subfolder": with(full, "text/config.json", `{"auto_map":{"AutoModel":"own.V"}}`),
	} {
		_, err := checkpoint.Inspect(folder(files), "")
		if err == nil || !strings.Contains(err.Error(), "config.json: its ") || !strings.Contains(err.Error(), "own.") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, field := range []string{`"auto_map":{}`, `"auto_map":null`, `"note":"auto_map"`} {
		if _, err := checkpoint.Inspect(folder(with(full, config, inserted(field))), ""); err != nil {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// A link is named for what it is, wherever it leads.
func TestLinksAreNamed(t *testing.T) {
	files := folder(full)
	files["tokenizer.json"].Mode = fs.ModeSymlink | 0o777
	files["tokenizer.json"].Data = []byte("../elsewhere/tokenizer.json")
	files["model.safetensors"].Mode = fs.ModeSymlink | 0o777
	files["model.safetensors"].Data = []byte("config.json")
	_, err := checkpoint.Inspect(files, "")
	for _, want := range []string{"tokenizer.json: it is a link", "model.safetensors: it is a link"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}
