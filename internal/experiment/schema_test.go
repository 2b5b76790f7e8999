package experiment

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compile(t *testing.T, kind string) *jsonschema.Schema {
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
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json") // validates against the metaschema too
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// instance reads YAML as an editor's validator sees it.
func instance(t *testing.T, text string) (any, error) {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(data))
}

func TestSchemaAccepts(t *testing.T) {
	schemas := map[string]*jsonschema.Schema{KindExperiment: compile(t, KindExperiment), KindProfile: compile(t, KindProfile)}
	for _, file := range shipped(t) {
		text := read(t, file)
		kind := KindExperiment
		if strings.Contains(text, "kind: Profile") {
			kind = KindProfile
		}
		v, err := instance(t, text)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if err := schemas[kind].Validate(v); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// byShape are the messages of rules that concern one value or mapping alone,
// which the schema holds as well as the loader.
var byShape = regexp.MustCompile(`unknown key|: want |is missing;|is empty|empty list|repeats element|is not allowed|out of range|cannot be a name|has \d of the keys|has none of the keys|belongs to|says nothing`)

// durations are ranges of them in messages.
var durations = regexp.MustCompile(`give \w+ to \d+h`)

// TestSchemaRefuses holds the schema to the bad files that break a rule of shape.
func TestSchemaRefuses(t *testing.T) {
	schemas := map[string]*jsonschema.Schema{KindExperiment: compile(t, KindExperiment), KindProfile: compile(t, KindProfile)}
	refused := 0
	for _, file := range glob(t, "testdata/bad/*.bad.yaml") {
		text := read(t, file)
		messages := read(t, strings.TrimSuffix(file, ".bad.yaml")+".txt")
		if strings.Contains(text, "#args:") || !byShape.MatchString(messages) {
			continue
		}
		if strings.Contains(messages, "from seeds") || durations.MatchString(messages) || strings.Contains(messages, "not a plain word") || strings.Contains(messages, "keys that are not given") {
			continue // what depends on seeds or other keys, the length of durations and YAML's spellings, only the loader knows
		}
		v, err := instance(t, text)
		if err != nil {
			refused++ // an editor's YAML parser is not content either
			continue
		}
		kind := KindExperiment
		if strings.Contains(text, "kind: Profile") {
			kind = KindProfile
		}
		if schemas[kind].Validate(v) == nil {
			t.Errorf("%s: the schema accepts what the loader says this of:\n%s", file, messages)
		}
		refused++
	}
	if refused < 80 {
		t.Errorf("only %d bad files were tried", refused)
	}
}

func TestSchemaUnknownKind(t *testing.T) {
	if _, err := Schema("Workflow"); err == nil {
		t.Error("no error")
	}
}
