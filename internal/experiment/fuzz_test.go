package experiment

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/canonical"
)

// hostile texts are cheap to write and, for a careless reader, dear to read.
var hostile = []string{
	"[", "{", "- ", "? ", "a: ", "\"", "'", "&a ", "!a ", "# ", "*a ", "a", "\n", "\t", "a\n", "a: b\n", " a\n", "{a: ", "[a,",
	"|\n", "- |\n  a\n", "---\n", "%a\n", "...\n", ": ", "\\", "]", "}", ",", "<<: ", "{}", "- - ", "!!a", "é", "a #b\n", "a:\n- b\n",
}

func TestHostile(t *testing.T) {
	for _, unit := range hostile {
		for _, before := range []string{"", "spec: ", "spec: \"", "spec: |\n  "} {
			text := before + strings.Repeat(unit, 8<<10/len(unit))
			if v, err := LoadAny("f", []byte(text), Options{}); err == nil {
				t.Errorf("%q and many %q: accepted: %+v", before, unit, v)
			}
		}
	}
}

// FuzzLoad holds that a file of any content gives a value that has a digest, or
// problems that have positions within it; never both, and never a panic.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yaml", "testdata/good/*.yaml", "../../configs/*.yaml", "../../configs/profiles/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data, "seed=3")
		}
	}
	for _, set := range []string{"generate.shards=16", "models.m={provider: sim}", "a[0].b=null", "reward=*x", "=", "seed={a: [}", "spec.seed=1e3"} {
		f.Add([]byte("apiVersion: gymline/v1alpha1\nkind: Experiment\nmetadata: {name: x}\nspec: {}\n"), set)
	}
	f.Fuzz(func(t *testing.T, data []byte, set string) {
		v, err := LoadAny("f", data, Options{Set: []string{set}})
		if err == nil {
			if e, ok := v.(*Experiment); ok {
				if _, err := canonical.JSON(e.Spec); err != nil {
					t.Errorf("no digest: %v", err)
				}
			}
			return
		}
		var problems Problems
		if v != nil || !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("value %v beside error %T", v, err)
		}
		lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
		for _, p := range problems {
			switch {
			case p.Message == "":
				t.Errorf("no message: %+v", p)
			case p.Line == 0 && p.File == "f" && strings.HasSuffix(p.Message, " more problems"):
			case p.Line == 0 && !strings.HasPrefix(p.File, "--set "):
				t.Errorf("no position: %+v", p)
			case p.Line > len(lines) || p.Line > 0 && p.Column < 1:
				t.Errorf("position outside of the file: %+v", p)
			}
			if holdsSecret(p.Message) || holdsSecret(p.Path) || holdsSecret(p.Fix) || p.File != "f" && holdsSecret(p.File) {
				t.Errorf("shows a secret: %+v", p)
			}
		}
	})
}
