package trace

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gymline/gymline/internal/golden"
)

const formats = "../../configs/formats"

// onDisk is a folder of samples.
type onDisk struct{ fs.FS }

func (d onDisk) List(dir string) (paths []string) {
	entries, _ := fs.ReadDir(d.FS, dir)
	for _, e := range entries {
		paths = append(paths, path.Join(dir, e.Name()))
	}
	return paths
}

func (d onDisk) ReadAhead(_ context.Context, paths []string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, p := range paths {
			if data, err := fs.ReadFile(d.FS, p); !yield(data, err) {
				return
			}
		}
	}
}

func (d onDisk) Open(_ context.Context, p string) (io.ReadCloser, error) { return d.FS.Open(p) }

func schemaOf(t *testing.T, kind string) *jsonschema.Schema {
	t.Helper()
	data, err := Schema(kind)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("s.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("s.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fits holds a file's text against a schema, as an editor does.
func fits(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text)) // JSON is YAML
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

// reads reads a text of a kind as gymline does.
func reads(t *testing.T, kind, text string) error {
	t.Helper()
	one := fakeFiles{"a.json": text, "reward_data/train_data.jsonl": text}
	var err error
	switch kind {
	case "Scenes":
		_, err = ReadScenes("s.yaml", []byte(text))
	case "Seeds":
		_, err = ReadSeeds("s.yaml", []byte(text))
	case "Trace":
		_, err = ReadBenchmark(t.Context(), one, ".")
	case "Answers":
		var bench []Trace
		bench, err = ReadBenchmark(t.Context(), fakeFiles{"a.json": sample(t, "Trace")}, ".")
		if err == nil {
			var answers [][]Answer
			answers, err = ReadRecorded(t.Context(), one, ".", bench)
			for _, a := range slices.Concat(answers...) {
				if err == nil {
					err = a.Unusable
				}
			}
		}
	case "RewardRow":
		err = ReadRewardData(t.Context(), one, ".", func(r RewardRow) error {
			if r.Cause != "" {
				return fmt.Errorf("%s", r.Cause)
			}
			return nil
		})
	}
	return err
}

var samples = map[string]string{"Scenes": "scenes.yaml", "Seeds": "seeds.yaml", "Trace": "benchmark/coding_1.json", "Answers": "answers/coding_1.json", "RewardRow": "reward_data/train_data.jsonl"}

// sample is the one of a kind; of rows, the last.
func sample(t *testing.T, kind string) string {
	t.Helper()
	data, err := os.ReadFile(path.Join(formats, samples[kind]))
	if err != nil {
		t.Fatal(err)
	}
	if kind == "RewardRow" {
		lines := strings.Split(strings.TrimSpace(string(data)), "\n")
		return lines[len(lines)-1]
	}
	return string(data)
}

var entities = regexp.MustCompile(`(?s)    entities:.*holiday[^\n]*`)

// What the reader takes the schema takes, and what one word less or more makes wrong, both
// refuse.
func TestSchemasAgreeWithReaders(t *testing.T) {
	replaced := func(old, by string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, by, 1) }
	}
	wrong := map[string][]func(string) string{
		"Scenes": {
			replaced("  user:", "  place: x\n  user:"), replaced("    goal:", "    aim:"), replaced("    theme:", "    topic:"), replaced("file.open(path)", "open"),
			func(string) string { return "[]" }, func(s string) string { return entities.ReplaceAllString(s, "    entities: []") },
		},
		"Seeds":     {replaced("sample_events", "events"), replaced("coding:", "coding:\n  more: []"), func(string) string { return "{coding: {tasks: [], sample_events: [a]}}" }},
		"Trace":     {replaced(`"event"`, `"text"`), replaced(`"observation"`, `"seen"`), replaced("The user opens the file 'sort.py' in the editor.", " "), func(string) string { return "[]" }, func(string) string { return `{"a": 1}` }},
		"Answers":   {replaced("[true]", "[3]"), replaced("[]", "[3]"), replaced(`"accepted"`, `"ok"`), replaced("[true]", "true")},
		"RewardRow": {replaced("pred_task", "task"), replaced(`"valid": true`, `"valid": "yes"`), replaced("Explain the traceback and propose a fix.", " "), func(string) string { return `{"obs": [], "pred_task": null, "valid": true}` }},
	}
	for _, kind := range Kinds() {
		s, text := schemaOf(t, kind), sample(t, kind)
		if err := fits(t, s, text); err != nil {
			t.Errorf("%s: the schema refuses the sample: %v", kind, err)
		}
		if err := reads(t, kind, text); err != nil {
			t.Errorf("%s: the reader refuses the sample: %v", kind, err)
		}
		for i, spoil := range wrong[kind] {
			spoilt := spoil(text)
			if spoilt == text {
				t.Fatalf("%s: change %d changes nothing", kind, i)
			}
			if reads(t, kind, spoilt) == nil || fits(t, s, spoilt) == nil {
				t.Errorf("%s: change %d: reader: %v; schema: %v\n%s", kind, i, reads(t, kind, spoilt), fits(t, s, spoilt), spoilt)
			}
		}
	}
}

// docs/formats.md has every sample as it lies in configs/formats.
func TestFormatsInDocs(t *testing.T) {
	const file = "../../docs/formats.md"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	block := regexp.MustCompile("(?s)<!-- ([\\w./]+) -->\n(\n```\\w+\n.*?\n```\n)?")
	text := block.ReplaceAllStringFunc(string(data), func(s string) string {
		name := block.FindStringSubmatch(s)[1]
		shown = append(shown, name)
		content, err := os.ReadFile(path.Join(formats, name))
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("<!-- %s -->\n\n```%s\n%s```\n", name, strings.TrimPrefix(path.Ext(name), "."), content)
	})
	golden.Check(t, file, []byte(text))
	for kind, name := range samples {
		if !slices.Contains(shown, name) {
			t.Errorf("the sample of %s is not there", kind)
		}
	}
}

// The samples are a whole: the recorded answers are to the benchmark.
func TestFormatsTogether(t *testing.T) {
	files := onDisk{os.DirFS(formats)}
	bench, err := ReadBenchmark(t.Context(), files, "benchmark")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadRecorded(t.Context(), files, "answers", bench); err != nil {
		t.Error(err)
	}
	if err := ReadRewardData(t.Context(), files, ".", func(r RewardRow) error {
		if r.Cause != "" {
			t.Errorf("%s: %s", r.ID, r.Cause)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
