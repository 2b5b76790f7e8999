package main

import (
	"bytes"
	"encoding/json"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// TestLinkedModulesHaveAllowedLicences holds for what the binary links as this
// checkout is.
func TestLinkedModulesHaveAllowedLicences(t *testing.T) {
	modules, err := linked(t.Context(), "github.com/gymline/gymline/orchestrator", []string{"GOOS=linux", "CGO_ENABLED=0"})
	if err != nil {
		t.Fatal(err)
	}
	if err := check(modules); err != nil {
		t.Fatal(err)
	}
	for _, m := range modules {
		if len(m.licences) == 0 {
			t.Errorf("%s has no licence", m.path)
		}
	}
	has := func(path string) bool {
		return slices.ContainsFunc(modules, func(m *module) bool { return m.path == path })
	}
	if !has("std") || !has("github.com/spf13/cobra") || has("github.com/gymline/gymline") {
		t.Errorf("modules: %v", used(modules))
	}
}

// reading is what licencesOf says of a text, in a line.
func reading(text string) string {
	ids, err := licencesOf([]byte(text))
	if err != nil {
		return strings.Join(ids, " ") + ": " + err.Error()
	}
	return strings.Join(ids, " ")
}

const mit = `Copyright (c) 2020 Somebody

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`

func TestLicencesAreToldByTheirWholeText(t *testing.T) {
	apache, err := os.ReadFile("../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	condition := "The Software shall not be sold, hosted or offered to others as a service by anybody who has more than ten people or earns money with it. "
	for name, c := range map[string]struct{ text, want string }{
		"MIT":            {mit, "MIT"},
		"Apache":         {string(apache), "Apache-2.0"},
		"both":           {mit + string(apache), "Apache-2.0 MIT"},
		"a rider":        {"\"Commons Clause\" License Condition v1.0\n" + mit, `MIT: it speaks of "commons clause"`},
		"a clause in it": {strings.Replace(mit, "The above", condition+"The above", 1), ": no licence that is known"},
		"words after it": {mit + strings.Repeat(condition, 7), "MIT: it has 193 words beside MIT"},
		"copyleft":       {"GNU GENERAL PUBLIC LICENSE Version 3, 29 June 2007", `: it speaks of "public license"`},
		"copyleft too":   {mit + "Parts of it are under the GNU Lesser General Public License.", `MIT: it speaks of "public license"`},
		"shared source":  {"Business Source License 1.1", `: it speaks of "source license"`},
		"a name alone":   {"MIT", ": no licence that is known"},
		"nothing":        {"", ": no licence that is known"},
	} {
		if got := reading(c.text); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestModulesWithoutAllowedLicenceAreNamed(t *testing.T) {
	good := []file{{"LICENSE", []byte(mit)}}
	err := check([]*module{
		{path: "a.test/good", version: "v1", files: good},
		{path: "a.test/none", version: "v2", files: []file{{"NOTICE", []byte("x")}}},
		{path: "a.test/part", version: "v3", files: append(slices.Clone(good), file{"inner/COPYING", []byte("GNU General Public License")})},
		{path: "a.test/only-part", version: "v4", files: []file{{"inner/LICENSE", []byte(mit)}}},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"a.test/none v2: no file", "a.test/part v3: inner/COPYING: it speaks", "a.test/only-part v4: no file"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
	if strings.Contains(err.Error(), "a.test/good") {
		t.Error(err)
	}
}

func TestSameBinarySameBytes(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26.8", Path: "a.test/main/cmd", Main: debug.Module{Path: "a.test/main"}, Deps: []*debug.Module{
		{Path: "a.test/b", Version: "v1.0.0+incompatible", Sum: "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
	}}
	list := func() []byte {
		modules := []*module{{path: "a.test/b", version: "v1.0.0+incompatible", licences: []string{"MIT"}}, {path: "std", licences: []string{"BSD-3-Clause"}}}
		if err := agree(info, modules); err != nil {
			t.Fatal(err)
		}
		out, err := document(info, "abc+dirty", strings.Repeat("0", 64), modules)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	first := list()
	if !bytes.Equal(first, list()) {
		t.Error("another list from the same binary")
	}
	var b bom
	if err := json.Unmarshal(first, &b); err != nil {
		t.Fatal(err)
	}
	if len(b.Components) != 2 || b.Components[0].PURL != "pkg:golang/a.test/b@v1.0.0%2Bincompatible" || b.Components[0].Hashes[0].Content[:8] != "e3b0c442" ||
		b.Components[0].Licences[0].License.ID != "MIT" || b.Components[1].PURL != "pkg:golang/std@1.26.8" || b.Metadata.Component.PURL != "pkg:golang/a.test/main@abc%2Bdirty" {
		t.Errorf("%s", first)
	}
}

func TestAnotherCheckoutsBinaryIsRefused(t *testing.T) {
	info := &debug.BuildInfo{Deps: []*debug.Module{{Path: "a.test/b", Version: "v1"}}}
	for _, modules := range [][]*module{{}, {{path: "a.test/b", version: "v2"}}, {{path: "a.test/b", version: "v1"}, {path: "a.test/c", version: "v1"}}} {
		if err := agree(info, modules); err == nil || !strings.Contains(err.Error(), "build it again") {
			t.Errorf("%d modules: %v", len(modules), err)
		}
	}
}
