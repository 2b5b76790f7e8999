package experiment

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// Schema returns the JSON Schema (draft 2020-12) of a kind of file, for editors.
// What spans several sections, such as references by name, only Load knows.
func Schema(kind string) ([]byte, error) {
	var t reflect.Type
	switch kind {
	case KindExperiment:
		t = reflect.TypeFor[Experiment]()
	case KindProfile:
		t = reflect.TypeFor[Profile]()
	default:
		return nil, fmt.Errorf("no kind of file is called %q: want %s or %s", kind, KindExperiment, KindProfile)
	}
	b := schemaBuilder{}
	root := b.object(t)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Gymline " + kind + ", " + V1Alpha1
	root["$defs"] = b
	data, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", kind, err)
	}
	return append(data, '\n'), nil
}

type jsonObject = map[string]any

// A schemaBuilder is the definitions gathered so far, by type name.
type schemaBuilder map[string]any

func (b schemaBuilder) object(t reflect.Type) jsonObject {
	o := describe(t)
	properties, required := jsonObject{}, []string{}
	for i := range o.fields {
		f := &o.fields[i]
		properties[f.name] = b.field(f)
		if f.required() && f.tag.Get("when") == "" {
			required = append(required, f.name)
		}
	}
	s := jsonObject{"type": "object", "description": o.doc, "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	if o.exactly != nil {
		s["oneOf"] = eachRequired(o.exactly)
	}
	if o.atLeast != nil {
		s["anyOf"] = eachRequired(o.atLeast)
	}
	if c := conditions(o); c != nil {
		s["allOf"] = c
	}
	return s
}

// conditions writes the tag when: for each value of the sibling, which fields
// it requires, and that no other value may have them.
func conditions(o object) []any {
	var branches []any
	seen := map[string]bool{}
	for i := range o.fields {
		when := o.fields[i].tag.Get("when")
		if when == "" || seen[when] {
			continue
		}
		seen[when] = true
		required, none := []string{}, jsonObject{}
		for j := range o.fields {
			if f := &o.fields[j]; f.tag.Get("when") == when {
				none[f.name] = false
				if f.required() {
					required = append(required, f.name)
				}
			}
		}
		key, value, _ := o.fields[i].when()
		branches = append(branches, jsonObject{
			"if":   jsonObject{"properties": jsonObject{key: jsonObject{"const": value}}, "required": []string{key}},
			"then": jsonObject{"required": required},
			"else": jsonObject{"properties": none},
		})
	}
	return branches
}

func eachRequired(keys []string) []any {
	var list []any
	for _, key := range keys {
		list = append(list, jsonObject{"required": []string{key}})
	}
	return list
}

func (b schemaBuilder) field(f *field) jsonObject {
	s := b.value(f.typ, f)
	s["description"] = f.tag.Get("doc")
	if def, ok := f.tag.Lookup("default"); ok {
		s["default"] = defaultJSON(f, def)
	}
	return s
}

func (b schemaBuilder) value(t reflect.Type, f *field) jsonObject {
	switch {
	case t == durationType:
		return jsonObject{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`}
	case t == bodyType:
		return jsonObject{"type": "object"}
	case t.Kind() == reflect.Struct:
		if _, ok := b[t.Name()]; !ok {
			b[t.Name()] = nil // a place, should the type hold itself
			b[t.Name()] = b.object(t)
		}
		ref := jsonObject{"$ref": "#/$defs/" + t.Name()}
		if o := describe(t); o.short != "" {
			text := o.field(o.short)
			return jsonObject{"anyOf": []any{b.value(text.typ, text), ref}}
		}
		return ref
	case t.Kind() == reflect.Map:
		names := jsonObject{"pattern": rules[f.tag.Get("keys")].pattern().String()}
		element := f.element()
		return jsonObject{"type": "object", "propertyNames": names, "additionalProperties": b.value(t.Elem(), &element)}
	case t.Kind() == reflect.Slice:
		s := jsonObject{"type": "array", "items": b.value(t.Elem(), f), "minItems": 1}
		if f.tag.Get("repeats") != "true" {
			s["uniqueItems"] = true
		}
		return s
	case t.Kind() == reflect.Bool:
		if f.enum() != nil {
			return jsonObject{"const": true}
		}
		return jsonObject{"type": "boolean"}
	case t.Kind() == reflect.String:
		s := jsonObject{"type": "string"}
		if f.enum() != nil {
			s["enum"] = f.enum()
		}
		if r, ok := rules[f.tag.Get("rule")]; ok {
			s["pattern"] = r.pattern().String()
		}
		return s
	}
	s := jsonObject{"type": "integer"}
	if t.Kind() == reflect.Float64 {
		s["type"] = "number"
	}
	for tag, keyword := range map[string]string{"min": "minimum", "max": "maximum", "above": "exclusiveMinimum", "below": "exclusiveMaximum"} {
		if bound, ok := f.tag.Lookup(tag); ok {
			s[keyword] = json.Number(bound)
		}
	}
	return s
}

func defaultJSON(f *field, def string) any {
	switch {
	case f.typ == durationType, f.typ.Kind() == reflect.String:
		return def
	case f.typ.Kind() == reflect.Slice:
		return words(def)
	case f.typ.Kind() == reflect.Bool:
		return def == "true"
	}
	return json.Number(def)
}
