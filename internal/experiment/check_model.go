package experiment

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/llm"
)

// ownHeaders are those of the connection and the body, which the client sets, and
// one that would have all calls answered alike.
var ownHeaders = []string{
	"accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host", "idempotency-key", "keep-alive",
	"proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
}

// checkModels holds what no single field tells of how models are reached.
func (l *loader) checkModels(s *Spec) {
	for _, name := range slices.Sorted(maps.Keys(s.Models)) {
		m, path := s.Models[name], "spec.models."+name
		first := map[string]string{}
		for _, header := range slices.Sorted(maps.Keys(m.Headers)) {
			at, folded := join(path+".headers", header), strings.ToLower(header)
			switch before := first[folded]; {
			case l.bad[at]:
			case slices.Contains(ownHeaders, folded):
				l.wrong(at, "is the HTTP client's own, or would have all calls answered alike", "remove it")
			case before != "":
				l.wrong(at, "is the header "+before+", too", "keep one of them: letter case makes no difference")
			case m.Headers[header].Value != "" && secretName(header):
				l.wrong(at, "is a secret's place, and holds a text", "write {env: NAME}, and put the value into that environment variable")
			case folded == "authorization" && m.APIKey != nil:
				l.wrong(at, "is what apiKey sends", "remove one of them")
			}
			first[folded] = header
		}
		for _, parameter := range slices.Sorted(maps.Keys(m.Query)) {
			if at := join(path+".query", parameter); !l.bad[at] && secretName(parameter) {
				l.wrong(at, "is a secret's place, and URLs are logged on their way", "send it as a header: headers: {NAME: {env: VARIABLE}}")
			}
		}
	}
	l.checkTwins(s)
}

// checkTwins finds models that headers or a query alone tell apart. Both would be
// answered from what was recorded of the first that asks.
func (l *loader) checkTwins(s *Spec) {
	first := map[string]string{}
	for _, name := range usedModels(s) {
		m, there := s.Models[name]
		if path := "spec.models." + name; !there || m.Provider != llm.OpenAI || l.bad[path] {
			continue
		}
		id := m.Identity("")
		id.BaseURL, id.Unredacted = id.Endpoint(), false
		text, _ := json.Marshal(id)
		before, twin := first[string(text)]
		if !twin {
			first[string(text)] = name
			continue
		}
		a, b := s.Models[before].Access(), m.Access()
		if !reflect.DeepEqual(a.Headers, b.Headers) || !reflect.DeepEqual(a.Query, b.Query) {
			l.wrong("spec.models."+name, fmt.Sprintf("differs from %s in headers or query alone, which are no part of what answers are recorded under", before),
				"use one of them, or tell them apart by model or body")
		}
	}
}
