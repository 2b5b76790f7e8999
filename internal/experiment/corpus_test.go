package experiment

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	_ "time/tzdata" // the rule timezone, on machines without the data

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/golden"
)

// read returns a file's text with the line ends of the repository.
func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// glob returns the files of patterns; none is a mistake of the test.
func glob(t *testing.T, patterns ...string) []string {
	t.Helper()
	var all []string
	for _, p := range patterns {
		files, err := filepath.Glob(p)
		if err != nil || len(files) == 0 {
			t.Fatalf("no files match %s", p)
		}
		all = append(all, files...)
	}
	return all
}

// options reads a case's command line from its first line: "#args: --set a=b --input c=d --need".
func options(t *testing.T, text string) Options {
	t.Helper()
	line, _, _ := strings.Cut(text, "\n")
	args, ok := strings.CutPrefix(line, "#args: ")
	if !ok {
		return Options{}
	}
	opts := Options{Inputs: map[string]string{}}
	for _, arg := range strings.Split(args, "--")[1:] {
		name, value, _ := strings.Cut(strings.TrimSpace(arg), " ")
		switch name {
		case "set":
			opts.Set = append(opts.Set, value)
		case "input":
			key, path, _ := strings.Cut(value, "=")
			opts.Inputs[key] = path
		case "need":
			opts.NeedInputs = true
		default:
			t.Fatalf("unknown argument %q", arg)
		}
	}
	return opts
}

// TestBad holds every rule to its whole message: each testdata/bad/X.bad.yaml
// has its messages in X.txt.
func TestBad(t *testing.T) {
	files := glob(t, "testdata/bad/*.bad.yaml")
	if len(files) < 60 {
		t.Fatalf("%d bad files: some have been lost", len(files))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".bad.yaml")
		t.Run(name, func(t *testing.T) {
			text := read(t, file)
			v, err := LoadAny(name+".yaml", []byte(text), options(t, text))
			if err == nil {
				t.Fatalf("accepted: %+v", v)
			}
			if v != nil {
				t.Errorf("a value beside the error: %+v", v)
			}
			if fault.Code(err) != fault.Config {
				t.Errorf("exit code %d, want %d", fault.Code(err), fault.Config)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("shows a password: %v", err)
			}
			golden.Check(t, filepath.Join("testdata", "bad", name+".txt"), []byte(err.Error()+"\n"))
		})
	}
}

// TestBadPositions holds that every problem of the corpus says where, what and what to do.
func TestBadPositions(t *testing.T) {
	for _, file := range glob(t, "testdata/bad/*.bad.yaml") {
		text := read(t, file)
		_, err := LoadAny("f.yaml", []byte(text), options(t, text))
		var problems Problems
		if !errors.As(err, &problems) {
			t.Fatalf("%s: %T is not Problems", file, err)
		}
		lines := strings.Split(text, "\n")
		for _, p := range problems {
			inFile := p.File == "f.yaml" && p.Line >= 1 && p.Column >= 1 && p.Line <= len(lines)
			override := strings.HasPrefix(p.File, "--") && p.Line == 0
			rest := strings.HasSuffix(p.Message, "more problems")
			if !inFile && !override && !rest {
				t.Errorf("%s: no position: %+v", file, p)
			}
			if p.Message == "" || p.Fix == "" {
				t.Errorf("%s: no message or fix: %+v", file, p)
			}
		}
		if !slices.IsSortedFunc(problems, func(a, b Problem) int {
			if a.Line == 0 || b.Line == 0 {
				return 0
			}
			return a.Line - b.Line
		}) {
			t.Errorf("%s: not in the order of the file:\n%v", file, err)
		}
	}
}

// shipped are the files that must load.
func shipped(t *testing.T) []string {
	return glob(t, "testdata/good/*.yaml", "../../configs/*.yaml", "../../configs/profiles/*.yaml")
}

func TestGood(t *testing.T) {
	for _, file := range shipped(t) {
		if _, err := LoadAny(file, []byte(read(t, file)), Options{}); err != nil {
			t.Errorf("%v", err)
		}
	}
}
