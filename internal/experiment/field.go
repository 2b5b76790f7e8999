package experiment

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// An object is what the struct tags of a type say: the one description that the
// decoder, the schema and the reference are made from.
type object struct {
	doc              string
	exactly, atLeast []string
	short            string // the key that a plain text stands for
	fields           []field
}

type field struct {
	index int
	name  string
	typ   reflect.Type // without pointer
	tag   reflect.StructTag
}

func describe(t reflect.Type) object {
	var o object
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "_" {
			o.doc, o.exactly, o.atLeast = f.Tag.Get("doc"), words(f.Tag.Get("exactly")), words(f.Tag.Get("atLeast"))
			o.short = f.Tag.Get("short")
			continue
		}
		if !f.IsExported() {
			continue // no field of the file's
		}
		name := f.Tag.Get("yaml")
		if name == "" {
			name, _, _ = strings.Cut(f.Tag.Get("json"), ",")
		}
		typ := f.Type
		if typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		o.fields = append(o.fields, field{i, name, typ, f.Tag})
	}
	return o
}

func (o object) keys() []string {
	keys := make([]string, len(o.fields))
	for i, f := range o.fields {
		keys[i] = f.name
	}
	return keys
}

func (o object) field(key string) *field {
	for i := range o.fields {
		if o.fields[i].name == key {
			return &o.fields[i]
		}
	}
	return nil
}

func words(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// element describes the values of a mapping. The rule is theirs where they are texts.
func (f *field) element() field {
	e := field{typ: f.typ.Elem()}
	if e.typ.Kind() == reflect.String {
		e.tag = f.tag
	}
	return e
}

func (f *field) required() bool { return f.tag.Get("required") == "true" }

func (f *field) enum() []string { return words(f.tag.Get("enum")) }

// when returns the sibling key and the value of it that f belongs to.
func (f *field) when() (key, value string, ok bool) { return strings.Cut(f.tag.Get("when"), "=") }

var (
	durationType = reflect.TypeFor[Duration]()
	bodyType     = reflect.TypeFor[json.RawMessage]() // a mapping that another program reads
)

// bound returns the tag min, max, above or below; of a duration in nanoseconds.
func (f *field) bound(name string) (float64, bool) {
	s, ok := f.tag.Lookup(name)
	if !ok {
		return 0, false
	}
	if f.typ == durationType {
		d, err := time.ParseDuration(s)
		return float64(d), err == nil
	}
	x, err := strconv.ParseFloat(s, 64)
	return x, err == nil
}

func (f *field) contains(x float64) bool {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return false
	}
	within := func(name string, holds func(bound float64) bool) bool {
		bound, ok := f.bound(name)
		return !ok || holds(bound)
	}
	return within("min", func(b float64) bool { return x >= b }) && within("max", func(b float64) bool { return x <= b }) &&
		within("above", func(b float64) bool { return x > b }) && within("below", func(b float64) bool { return x < b })
}

// interval writes f's bounds for people, e.g. "0 to 1", "0 or more and below 1"; "" for none.
func (f *field) interval() string {
	least, most := f.tag.Get("min"), f.tag.Get("max")
	above, below := f.tag.Get("above"), f.tag.Get("below")
	var low, high string
	switch {
	case least != "" && most != "":
		return least + " to " + most
	case least != "":
		low = least + " or more"
	case above != "":
		low = "above " + above
	}
	switch {
	case most != "":
		high = "at most " + most
	case below != "":
		high = "below " + below
	}
	if low != "" && high != "" {
		return low + " and " + high
	}
	return low + high
}

// setDefaults gives every field of v its default, as if v's file were {}.
func setDefaults(v reflect.Value) {
	o := describe(v.Type())
	for i := range o.fields {
		o.fields[i].setDefault(v.Field(o.fields[i].index))
	}
}

func (f *field) setDefault(v reflect.Value) {
	if _, _, conditional := f.when(); conditional {
		return // the decoder knows whether the condition holds
	}
	if v.Kind() == reflect.Struct {
		setDefaults(v)
		return
	}
	f.assignDefault(v)
}

// assignDefault sets v to the tag default, if there is one.
func (f *field) assignDefault(v reflect.Value) {
	s, ok := f.tag.Lookup("default")
	if !ok {
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(f.typ))
		v = v.Elem()
	}
	var err error
	switch {
	case f.typ == durationType:
		var d time.Duration
		d, err = time.ParseDuration(s)
		v.SetInt(int64(d))
	case v.Kind() == reflect.String:
		v.SetString(s)
	case v.Kind() == reflect.Slice:
		v.Set(reflect.ValueOf(words(s)))
	case v.Kind() == reflect.Bool:
		v.SetBool(s == "true")
	case v.CanInt():
		var n int64
		n, err = strconv.ParseInt(s, 10, 64)
		v.SetInt(n)
	case v.CanUint():
		var n uint64
		n, err = strconv.ParseUint(s, 10, 64)
		v.SetUint(n)
	case v.CanFloat():
		var x float64
		x, err = strconv.ParseFloat(s, 64)
		v.SetFloat(x)
	}
	if err != nil {
		panic(fmt.Sprintf("experiment: default of %s: %v", f.name, err))
	}
}
