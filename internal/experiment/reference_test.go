package experiment

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/golden"
)

//go:generate go test -run TestReference . -update

const referencePath = "../../docs/config.md"

// TestReference holds docs/config.md to the types; go generate rewrites it.
func TestReference(t *testing.T) {
	got := writeReference(t)
	golden.Write(t, referencePath, []byte(got))
	if read(t, referencePath) != got {
		t.Errorf("%s is stale: run go generate ./internal/experiment", referencePath)
	}
}

const referenceIntro = `# Configuration

<!-- Generated from internal/experiment by go generate. Do not edit. -->

Two kinds of file answer two questions: an [Experiment](#experiment) says what to run, a
[Profile](#profile) says where and how fast. ` + "`gymline validate FILE…`" + ` checks files of both kinds and
reports every problem at once, each as ` + "`file:line:column: path: what is wrong; what to do`" + `.
` + "`gymline schema Experiment`" + ` and ` + "`gymline schema Profile`" + ` print JSON Schemas for editors.
What inputs hold is checked as well; [formats.md](formats.md) shows it.

- A file is one YAML document of at most 64 KiB. Unknown and repeated keys are errors. Anchors,
  aliases, merge keys, tags and directives are not supported, so each value stands where it is used.
- Secrets are references, ` + "`{env: NAME}`" + `. What looks like a secret is refused wherever it stands, in
  comments too, and no message shows it. Hexadecimal digits are none where they say what they are:
  ` + "`commit …`, `sha256:…`, `uuid …`" + `, a folder of a path, a revision after ` + "`@`" + `.
- A number is written so that every YAML reads the same: ` + "`010`" + ` and ` + "`1_000`" + ` are refused.
- ` + "`--set PATH=VALUE`" + ` overrides a field of an experiment by its path under ` + "`spec`" + `, and is part of its
  digest. VALUE is YAML: ` + "`--set generate.shards=16`" + `, ` + "`--set 'export.sets=[agent]'`" + `,
  ` + "`--set evaluate.candidates.0.model=sim`" + `. The value ` + "`null`" + ` removes the field, so
  ` + "`--set export=null`" + ` leaves a section out.
- ` + "`--input NAME=PATH`" + ` says where an input lies, relative to the working directory. A path in the
  file is relative to the file, and lies in its folder or below.
- A field without a default is left out unless it is required.

`

var examples = map[string]string{
	KindExperiment: `apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: first}
spec:
  inputs:
    samples: {path: samples}
  models:
    sim: {provider: sim, skill: 0.9}
  generate:
    scenes:
      seeds: {input: samples, path: seeds.yaml}
      model: sim
      count: 12
    models: {user: sim, environment: sim, agent: sim}
  reward:
    data: {gym: true}
`,
	KindProfile: `apiVersion: gymline/v1alpha1
kind: Profile
metadata: {name: shared}
spec:
  store:
    s3:
      endpoint: http://127.0.0.1:9000
      bucket: gymline
      accessKey: {env: MINIO_ACCESS_KEY}
      secretKey: {env: MINIO_SECRET_KEY}
  parallelism: {shards: 4}
`,
}

func writeReference(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(referenceIntro)
	written := map[reflect.Type]bool{}
	for _, kind := range []struct {
		name string
		typ  reflect.Type
	}{{KindExperiment, reflect.TypeFor[Experiment]()}, {KindProfile, reflect.TypeFor[Profile]()}} {
		example := examples[kind.name]
		if _, err := LoadAny("example", []byte(example), Options{}); err != nil {
			t.Errorf("example of %s: %v", kind.name, err)
		}
		eachType(kind.typ, func(typ reflect.Type) {
			if written[typ] {
				return
			}
			written[typ] = true
			level := "###"
			if typ == kind.typ {
				level = "##"
			}
			fmt.Fprintf(&b, "%s %s\n\n%s\n", level, typ.Name(), wrapped(describe(typ).doc))
			if typ == kind.typ {
				fmt.Fprintf(&b, "\n```yaml\n%s```\n", example)
			}
			writeTable(&b, describe(typ))
		})
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// wrapped breaks prose into lines of at most 100 characters.
func wrapped(prose string) string {
	var b strings.Builder
	n := 0
	for _, word := range strings.Fields(prose) {
		width := len([]rune(word))
		switch {
		case n > 0 && n+1+width > 100:
			b.WriteByte('\n')
			n = 0
		case n > 0:
			b.WriteByte(' ')
			n++
		}
		b.WriteString(word)
		n += width
	}
	return b.String()
}

func writeTable(b *strings.Builder, o object) {
	if o.exactly != nil {
		fmt.Fprintf(b, "\nExactly one of %s is given.\n", enumerate(code(o.exactly), "and"))
	}
	if o.atLeast != nil {
		fmt.Fprintf(b, "\nAt least one of %s is given.\n", enumerate(code(o.atLeast), "and"))
	}
	b.WriteString("\n| field | type | default | range | meaning |\n|---|---|---|---|---|\n")
	for _, f := range o.fields {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", f.name, typeName(f.typ, &f), defaultName(&f), rangeName(&f), f.tag.Get("doc"))
	}
	b.WriteString("\n")
}

func code(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = "`" + s + "`"
	}
	return out
}

func typeName(t reflect.Type, f *field) string {
	switch {
	case t == durationType:
		return "duration"
	case t == reflect.TypeFor[File]():
		return f.tag.Get("is") + " ([File](#file))"
	case t == bodyType:
		return "mapping of anything"
	case t.Kind() == reflect.Struct && describe(t).short != "":
		return fmt.Sprintf("text or [%s](#%s)", t.Name(), strings.ToLower(t.Name()))
	case t.Kind() == reflect.Struct:
		return fmt.Sprintf("[%s](#%s)", t.Name(), strings.ToLower(t.Name()))
	case t.Kind() == reflect.Map:
		return "mapping of names to " + typeName(t.Elem(), &field{})
	case t.Kind() == reflect.Slice:
		return "list of " + typeName(t.Elem(), &field{})
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "text"
	case t.Kind() == reflect.Float64:
		return "number"
	}
	return "whole number"
}

func defaultName(f *field) string {
	def, ok := f.tag.Lookup("default")
	switch {
	case ok && f.typ.Kind() == reflect.Slice:
		return "`[" + strings.Join(words(def), ", ") + "]`"
	case ok && def == "":
		return "empty"
	case ok:
		return "`" + def + "`"
	case f.required():
		return "required"
	}
	return ""
}

// rangeName says what values a field allows.
func rangeName(f *field) string {
	var parts []string
	if key, value, ok := f.when(); ok {
		parts = append(parts, key+" "+value+" alone")
	}
	switch {
	case f.enum() != nil:
		parts = append(parts, enumerate(code(f.enum()), "or"))
	case f.tag.Get("ref") == "input":
		parts = append(parts, "name of an input")
	case f.tag.Get("ref") != "":
		parts = append(parts, "name of a "+f.tag.Get("ref"))
	case f.tag.Get("keys") != "":
		parts = append(parts, "names: "+rules[f.tag.Get("keys")].want)
		if r, ok := rules[f.tag.Get("rule")]; ok {
			parts = append(parts, "texts: "+r.want)
		}
	case f.tag.Get("rule") != "":
		parts = append(parts, rules[f.tag.Get("rule")].want)
	case f.interval() != "":
		parts = append(parts, f.interval())
	}
	return strings.Join(parts, "; ")
}
