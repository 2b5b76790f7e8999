package argo

import (
	"encoding/json"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// This file carries users' texts past what would read them as more than texts:
// Argo replaces {{…}} wherever it finds it in a template, the pods' environment
// and the manifests of other resources alike; and kubelet replaces $(NAME) in
// environments and command lines.

// brace is the variable of a pod that stands for "{": kubelet puts it in once Argo
// is done with the template. No secret and no variable of a job has the name.
const brace = "GYMLINE_BRACE"

// literal is a text as kubelet makes s of it.
func literal(s string) string { return strings.ReplaceAll(s, "$", "$$") }

// literals are the environment of a pod that gets the values as they are.
func literals(env []corev1.EnvVar) []corev1.EnvVar {
	var out []corev1.EnvVar
	braced := false
	for _, v := range env {
		if v.Value = literal(v.Value); strings.Contains(v.Value, "{{") {
			v.Value, braced = strings.ReplaceAll(v.Value, "{", "$("+brace+")"), true
		}
		out = append(out, v)
	}
	if braced { // kubelet knows the variables before one
		out = append([]corev1.EnvVar{{Name: brace, Value: "{"}}, out...)
	}
	return out
}

// inert is what a resource's manifest holds of users' texts: JSON without braces
// and dollars in its texts but by their numbers. Argo hands a manifest on in a
// variable of its own pod, and the API server's client there first decodes it.
type inert struct{ value any }

// MarshalJSON implements json.Marshaler.
func (i inert) MarshalJSON() ([]byte, error) {
	data, err := json.Marshal(i.value)
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	within, escaped := false, false // a text; the character after a backslash
	for _, c := range string(data) {
		switch {
		case within && c == '{':
			out.WriteString(`\u007b`)
		case within && c == '$':
			out.WriteString(`\u0024`)
		default:
			out.WriteRune(c)
		}
		if c == '"' && !escaped {
			within = !within
		}
		escaped = c == '\\' && !escaped
	}
	return []byte(out.String()), nil
}
