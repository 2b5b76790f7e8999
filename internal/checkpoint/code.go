package checkpoint

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/text"
)

// running are the endings of files that run code when something loads them:
// programs and libraries, and what is read as a pickle or may hold a function.
var running = []string{
	".py", ".pyc", ".pyo", ".pyd", ".so", ".dll", ".dylib",
	".bin", ".pt", ".pt2", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill", ".distcp",
	".h5", ".hdf5", ".keras", ".nemo", ".mar",
}

// LeftOut names files of a checkpoint's folder that are not taken.
type LeftOut []string

// String names the first of them.
func (l LeftOut) String() string {
	const most = 8
	if len(l) > most {
		return fmt.Sprintf("%s and %s more", strings.Join(l[:most], ", "), text.Count(len(l)-most))
	}
	return strings.Join(l, ", ")
}

// Data is a checkpoint's folder without the files that run code when they are
// loaded, which are told by their names and by how they begin.
func Data(fsys fs.FS) (fs.FS, LeftOut, error) {
	var left LeftOut
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && strings.HasPrefix(d.Name(), ".") && d.IsDir():
			return fs.SkipDir // it is not taken anyway
		case d.Type().IsRegular() && !strings.HasPrefix(d.Name(), ".") && runs(fsys, name):
			left = append(left, name)
		}
		return nil
	})
	return without{fsys, left}, left, err
}

// runs reports whether loading a file runs code.
func runs(fsys fs.FS, name string) bool {
	ending := strings.ToLower(path.Ext(name))
	if slices.Contains(running, ending) {
		return true
	}
	if ending == ".safetensors" || ending == ".gguf" {
		return false // the length at its beginning may look like a pickle's
	}
	head := start(fsys, name)
	for _, f := range formats {
		if f.do == asSafetensors && bytes.HasPrefix(head, []byte(f.mark)) {
			return true
		}
	}
	return false
}

// without is a folder in which some files are not seen.
type without struct {
	fs.FS
	files []string
}

func (w without) Open(name string) (fs.File, error) {
	if slices.Contains(w.files, name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return w.FS.Open(name)
}

func (w without) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(w.FS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return slices.Contains(w.files, path.Join(name, e.Name())) }), err
}

// code refuses configs that name code which a library fetches and runs to load the
// model: to leave out what lies beside them would not help, as it may lie elsewhere.
func (i *inspection) code() {
	// What cannot be read is told of where the folder is stored.
	_ = fs.WalkDir(i.fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !strings.HasSuffix(name, "config.json") || i.blamed(name) {
			return nil
		}
		f, err := i.fsys.Open(name)
		if err != nil {
			return nil
		}
		defer f.Close()
		data, err := io.ReadAll(io.LimitReader(f, maxJSON))
		var config any
		if err != nil || decode(data, python, &config) != nil {
			return nil // nobody else can read it either
		}
		if key, what := named(config); what != "" {
			i.add(name, fmt.Sprintf("its %s names code that runs when the model is loaded, %q", key, text.Clip(what, 80)),
				"where the library has the architecture itself, take "+key+" out; a model that brings code of its own is not taken")
		}
		return nil
	})
}

// named finds code that a config names, at any depth: the field, and its first name.
func named(config any) (key, what string) {
	switch c := config.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(c)) {
			if k == "auto_map" || k == "custom_pipelines" {
				if what := firstText(c[k]); what != "" {
					return k, what
				}
			} else if key, what := named(c[k]); what != "" {
				return key, what
			}
		}
	case []any:
		for _, v := range c {
			if key, what := named(v); what != "" {
				return key, what
			}
		}
	}
	return "", ""
}

func firstText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case []any:
		for _, one := range v {
			if s := firstText(one); s != "" {
				return s
			}
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if s := firstText(v[k]); s != "" {
				return s
			}
		}
	}
	return ""
}
