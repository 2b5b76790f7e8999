package experiment

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
)

// ownMembers are the members of a request that gymline writes itself, with what
// to do instead of writing them into a body.
var ownMembers = map[string]string{
	"model": "give model, the endpoint's own name of it", "messages": "remove it: the jobs write the messages",
	"seed": "remove it: a seed is sent unless seed is false", "temperature": "give temperature", "top_p": "give topP",
	"max_tokens": "give maxTokens, and tokenLimit: max_tokens", "max_completion_tokens": "give maxTokens, and tokenLimit: max_completion_tokens",
	"response_format": "give schema, and strict: false if strict is not taken",
	"stream":          "remove it: answers are read whole", "stream_options": "remove it: answers are read whole",
	"n": "remove it: one answer is read, and each further one would be paid for",
}

// body reads a mapping that gymline passes on as JSON.
func (l *loader) body(n *node, v reflect.Value, path string) {
	if n.kind != mapNode {
		l.wrongType(n, path, "a mapping", "write the members of the request's JSON below it")
		return
	}
	for _, e := range n.entries {
		if fix, own := ownMembers[strings.ToLower(e.key)]; own {
			l.add(e.at, join(path, e.key), "is what gymline sends itself", fix)
		}
	}
	if data, err := json.Marshal(l.plain(n, path)); err == nil { // maps are written in order of their keys
		v.SetBytes(data)
	}
}

// plain is what a node is in JSON.
func (l *loader) plain(n *node, path string) any {
	switch n.kind {
	case nullNode:
		return nil
	case listNode:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = l.plain(item, fmt.Sprintf("%s[%d]", path, i))
		}
		return list
	case mapNode:
		members := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			at := join(path, e.key)
			l.where[at] = e.at
			if e.value.kind == stringNode && secretMember(e.key) {
				l.add(e.at, at, "is a secret's place, and bodies are recorded", "send it as a header: headers: {NAME: {env: VARIABLE}}")
			}
			members[e.key] = l.plain(e.value, at)
		}
		return members
	case intNode, floatNode:
		x, _ := n.number()
		if math.IsNaN(x) || math.IsInf(x, 0) || n.kind == intNode && math.Abs(x) > 1<<53-1 {
			l.add(n.at, path, clip(n.text)+" is out of range", "give a number within ±2^53, or put it in quotes if it is text")
			return nil
		}
		return x
	}
	return n.value
}

// secretName reports whether what is called so holds a secret, as api-key does.
func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"key", "secret", "token", "password", "auth", "cookie", "credential", "signature"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// secretMember is stricter: prompt_cache_key and stop_token hold no secret.
func secretMember(name string) bool {
	name = strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
	for _, end := range []string{"apikey", "secret", "secretkey", "accesskey", "accesstoken", "authtoken", "bearer", "password", "authorization", "credential", "credentials"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}
