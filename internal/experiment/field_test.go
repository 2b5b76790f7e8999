package experiment

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// eachType calls fn with every struct type that the root reaches, once, in order.
func eachType(root reflect.Type, fn func(reflect.Type)) {
	seen := map[reflect.Type]bool{}
	var visit func(reflect.Type)
	visit = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || seen[t] {
			return
		}
		seen[t] = true
		fn(t)
		for _, f := range describe(t).fields {
			visit(f.typ)
		}
	}
	visit(root)
}

// TestTags holds that the tags say something of every field, and what they say holds together.
func TestTags(t *testing.T) {
	check := func(typ reflect.Type) {
		o := describe(typ)
		if !strings.HasSuffix(o.doc, ".") {
			t.Errorf("%s: doc %q is no sentence", typ, o.doc)
		}
		for _, key := range slices.Concat(o.exactly, o.atLeast) {
			if o.field(key) == nil {
				t.Errorf("%s: counts the key %s, which it has not", typ, key)
			}
		}
		for _, f := range o.fields {
			at := typ.Name() + "." + f.name
			if !strings.HasSuffix(f.tag.Get("doc"), ".") {
				t.Errorf("%s: doc %q is no sentence", at, f.tag.Get("doc"))
			}
			for _, tag := range []string{"rule", "keys"} {
				if name, ok := f.tag.Lookup(tag); ok && rules[name].pattern == nil {
					t.Errorf("%s: no rule %q", at, name)
				}
			}
			if key, _, ok := f.when(); ok && o.field(key) == nil {
				t.Errorf("%s: depends on %s, which is not there", at, key)
			}
			if f.typ == reflect.TypeFor[File]() && f.tag.Get("is") == "" {
				t.Errorf("%s: is it a file or a folder?", at)
			}
			if f.typ == durationType || isNumber(f.typ) {
				checkNumber(t, at, &f)
			}
			for _, def := range words(f.tag.Get("default")) {
				if f.enum() != nil && !slices.Contains(f.enum(), def) {
					t.Errorf("%s: default %s is not allowed", at, def)
				}
			}
		}
	}
	eachType(reflect.TypeFor[Experiment](), check)
	eachType(reflect.TypeFor[Profile](), check)
}

func isNumber(t reflect.Type) bool {
	return t.Kind() == reflect.Float64 || reflect.Zero(t).CanInt() || reflect.Zero(t).CanUint()
}

func checkNumber(t *testing.T, at string, f *field) {
	t.Helper()
	bounded := 0
	for _, tag := range []string{"min", "max", "above", "below"} {
		if _, ok := f.tag.Lookup(tag); ok {
			if _, ok := f.bound(tag); !ok {
				t.Errorf("%s: cannot read %s", at, tag)
			}
			bounded++
		}
	}
	if bounded != 2 || f.interval() == "" {
		t.Errorf("%s: %d bounds, want 2", at, bounded)
	}
	if _, ok := f.tag.Lookup("default"); ok {
		v := reflect.New(f.typ).Elem()
		f.assignDefault(v)
		var x float64
		switch {
		case v.CanFloat():
			x = v.Float()
		case v.CanInt():
			x = float64(v.Int())
		default:
			x = float64(v.Uint())
		}
		if !f.contains(x) {
			t.Errorf("%s: default %v is out of bounds", at, x)
		}
	}
}

// numbers returns the paths under root of every number that v, a loaded spec, reaches.
func numbers(path string, v reflect.Value, visit func(path string, f *field)) {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Map:
		for _, key := range v.MapKeys() {
			numbers(path+"."+key.String(), v.MapIndex(key), visit)
		}
	case reflect.Struct:
		for _, f := range describe(v.Type()).fields {
			below := strings.TrimPrefix(path+"."+f.name, ".")
			if isNumber(f.typ) && f.typ != durationType {
				visit(below, &f)
			}
			numbers(below, v.Field(f.index), visit)
		}
	}
}

// TestBounds tries every number of the format at its bounds and just beyond them.
func TestBounds(t *testing.T) {
	tried := boundsOf(t, "testdata/good/full.yaml") + boundsOf(t, "testdata/good/train.yaml")
	if tried < 150 {
		t.Errorf("only %d values were tried", tried)
	}
}

// boundsOf tries those of the numbers that a file reaches, and counts the values.
func boundsOf(t *testing.T, file string) (tried int) {
	t.Helper()
	e, text := load(t, file, Options{}), []byte(read(t, file))
	numbers("", reflect.ValueOf(e.Spec), func(path string, f *field) {
		if _, provider, ok := f.when(); ok && e.Spec.Models[strings.Split(path, ".")[1]].Provider != provider {
			return
		}
		step := 1.0
		if f.typ.Kind() == reflect.Float64 {
			step = 1e-9
		}
		try := func(x float64, allowed bool) {
			tried++
			set := fmt.Sprintf("%s=%.9f", path, x)
			if f.typ.Kind() != reflect.Float64 {
				set = fmt.Sprintf("%s=%.0f", path, x)
			}
			_, err := Load("f", text, Options{Set: []string{set}})
			refused := err != nil && strings.Contains(err.Error(), "spec."+path+": ") && strings.Contains(err.Error(), "is out of range")
			if refused == allowed {
				t.Errorf("--set %s: refused %t, want %t: %v", set, refused, !allowed, err)
			}
		}
		for tag, direction := range map[string]float64{"min": -1, "max": 1, "above": -1, "below": 1} {
			if bound, ok := f.bound(tag); ok {
				inclusive := tag == "min" || tag == "max"
				if step == 1e-9 && bound > 1e6 {
					step = 1
				}
				try(bound, inclusive)
				try(bound+direction*step, false)
				try(bound-direction*step, true)
			}
		}
	})
	return tried
}

func TestSuggest(t *testing.T) {
	choices := []string{"generate", "reward", "export", "evaluate", "maxEvents"}
	for given, want := range map[string]string{
		"generte": "did you mean generate?", "Reward": "did you mean reward?", "max_events": "did you mean maxEvents?",
		"evalute": "did you mean evaluate?", "train": "no", "x": "no", "": "no", strings.Repeat("a", 100): "no",
	} {
		if got := suggest(given, choices, "no"); got != want {
			t.Errorf("%q: %s, want %s", given, got, want)
		}
	}
}
