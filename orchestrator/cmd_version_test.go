package main

import (
	"encoding/json"
	"runtime/debug"
	"strings"
	"testing"
)

// A binary says which commit it was made from, and whether anything was changed.
func TestProvenance(t *testing.T) {
	setting := func(revision, modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "vcs.revision", Value: revision}, {Key: "vcs.modified", Value: modified}}
	}
	for name, c := range map[string]struct {
		told           string
		seen           []debug.BuildSetting
		commit, inJSON string
	}{
		"nothing":         {"", nil, "commit    unknown: the build was not told\n", `"version":"v1.2.3","go":"go1.26.8"`},
		"told":            {"abc", nil, "commit    abc (clean)\n", `"commit":"abc","dirty":false`},
		"told of changes": {"abc+dirty", nil, "commit    abc (dirty: the checkout had changes)\n", `"commit":"abc","dirty":true`},
		"no checkout":     {"+dirty", nil, "commit    unknown: the build was not told\n", `"version":"v1.2.3","go":"go1.26.8"`},
		"seen":            {"", setting("def", "false"), "commit    def (clean)\n", `"commit":"def","dirty":false`},
		"seen changes":    {"", setting("def", "true"), "commit    def (dirty: the checkout had changes)\n", `"commit":"def","dirty":true`},
		"told and seen":   {"abc+dirty", setting("def", "false"), "commit    def (clean)\n", `"commit":"def","dirty":false`},
	} {
		p := provenanceOf(&debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: "v1.2.3"}, Settings: c.seen}, c.told)
		if got := p.String(); !strings.HasPrefix(got, "gymline v1.2.3\n") || !strings.Contains(got, c.commit) {
			t.Errorf("%s: %s", name, got)
		}
		got, err := json.Marshal(p)
		if err != nil || !strings.Contains(string(got), c.inJSON) {
			t.Errorf("%s: %s, %v; want …%s…", name, got, err, c.inJSON)
		}
	}
}
