package experiment

import (
	"math"
	"reflect"
	"strconv"
	"strings"
)

// sure is a number that means the same in every version of YAML.
var sure = lazily(`^0x[0-9A-Fa-f]+$|^[-+]?(0|[1-9][0-9]*|[1-9][0-9]*\.[0-9]*|0?\.[0-9]+|0\.)([eE][-+]?[0-9]+)?$`)

// spelling says how to write a number that is written otherwise: 010 is eight in
// YAML 1.1 and ten in 1.2, and 1_000 a number in the one and a text in the other.
// It is "" where there is nothing to say.
func spelling(n *node) string {
	var value string
	switch v := n.value.(type) {
	case int64:
		value = strconv.FormatInt(v, 10)
	case uint64:
		value = strconv.FormatUint(v, 10)
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return "" // out of every range
		}
		value = strconv.FormatFloat(v, 'g', -1, 64)
	}
	if sure().MatchString(n.text) {
		return ""
	}
	sign, digits := "", n.text
	if strings.HasPrefix(digits, "-") {
		sign = "-"
	}
	digits = strings.TrimLeft(digits, "+-")
	if strings.Trim(digits, "0123456789") != "" {
		return "write " + value
	}
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		digits = "0"
	}
	fix := "write " + sign + digits
	if octal, err := strconv.ParseInt(digits, 8, 64); err == nil && octal > 7 {
		fix += ", or " + sign + strconv.FormatInt(octal, 10) + " if it was meant as octal"
	}
	return fix
}

func (l *loader) number(n *node, v reflect.Value, path string, f *field) {
	want := "a whole number"
	if v.CanFloat() {
		want = "a number"
	}
	x, ok := n.number()
	if !ok {
		fix := "give " + f.interval()
		if n.kind == stringNode {
			fix += ", without quotes or unit"
		}
		l.wrongType(n, path, want, fix)
		return
	}
	if fix := spelling(n); fix != "" {
		l.add(n.at, path, clip(n.text)+" is a number that readers of YAML take differently", fix)
		return
	}
	if !f.contains(x) {
		l.add(n.at, path, clip(n.text)+" is out of range", "give "+f.interval())
		return
	}
	if n.kind == floatNode && !v.CanFloat() {
		l.wrongType(n, path, want, "write it without a fraction or exponent")
		return
	}
	switch {
	case v.CanFloat():
		v.SetFloat(x)
	case v.CanUint():
		v.SetUint(uint64(x)) // bounds keep whole numbers within ±2^53, where float64 is exact
	default:
		v.SetInt(int64(x))
	}
}
