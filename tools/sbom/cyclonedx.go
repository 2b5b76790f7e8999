package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
)

// The types of https://cyclonedx.org/docs/1.6/json, as far as they are used.
type (
	bom struct {
		Format     string `json:"bomFormat"`
		Spec       string `json:"specVersion"`
		Version    int    `json:"version"`
		Metadata   meta   `json:"metadata"`
		Components []part `json:"components"`
		Needs      []need `json:"dependencies"`
	}
	meta struct {
		Component part `json:"component"`
	}
	part struct {
		Ref      string   `json:"bom-ref"`
		Type     string   `json:"type"`
		Name     string   `json:"name"`
		Version  string   `json:"version"`
		Hashes   []hash   `json:"hashes,omitempty"`
		Licences []choice `json:"licenses"`
		PURL     string   `json:"purl"`
	}
	hash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	choice struct {
		License struct {
			ID string `json:"id"`
		} `json:"license"`
	}
	need struct {
		Ref string   `json:"ref"`
		On  []string `json:"dependsOn"`
	}
)

// document is the list of a binary's modules. It has no time and no random number.
func document(info *debug.BuildInfo, version, digest string, modules []*module) ([]byte, error) {
	main := component("application", info.Main.Path, version, []string{"Apache-2.0"})
	main.Hashes = []hash{{"SHA-256", digest}}
	b := bom{Format: "CycloneDX", Spec: "1.6", Version: 1, Metadata: meta{main}}
	on := need{Ref: main.Ref}
	for _, m := range modules {
		c := component("library", m.path, m.version, m.licences)
		if sum, ok := strings.CutPrefix(m.sum, "h1:"); ok {
			raw, err := base64.StdEncoding.DecodeString(sum)
			if err != nil {
				return nil, fmt.Errorf("checksum of %s: %w", m.path, err)
			}
			c.Hashes = []hash{{"SHA-256", hex.EncodeToString(raw)}} // of the module's files, as in go.sum
		}
		b.Components = append(b.Components, c)
		on.On = append(on.On, c.Ref)
	}
	b.Needs = []need{on}
	out, err := json.MarshalIndent(b, "", "  ")
	return append(out, '\n'), err
}

func component(kind, path, version string, licences []string) part {
	purl := "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
	p := part{Ref: purl, Type: kind, Name: path, Version: version, PURL: purl}
	for _, id := range licences {
		var c choice
		c.License.ID = id
		p.Licences = append(p.Licences, c)
	}
	return p
}
