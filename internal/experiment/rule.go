package experiment

import (
	"io/fs"
	"net/url"
	"regexp"
	"strings"
)

// A rule is the form of a text. The pattern is for the JSON Schema, and where
// ok is set it may let through what only ok can refuse.
type rule struct {
	pattern *regexp.Regexp
	ok      func(string) bool
	want    string // completes "use …"
}

func (r rule) holds(s string) bool {
	return r.pattern.MatchString(s) && (r.ok == nil || r.ok(s))
}

// rules are looked up by the struct tags rule and keys.
var rules = map[string]rule{
	"label":    {regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$`), nil, "1 to 40 lowercase letters, digits and inner hyphens"},
	"name":     {regexp.MustCompile(`^[A-Za-z0-9][-_A-Za-z0-9]{0,62}$`), nil, "1 to 63 letters, digits, hyphens and underscores, the first a letter or digit"},
	"title":    {regexp.MustCompile(`^[A-Za-z0-9][-._A-Za-z0-9]{0,62}$`), nil, "1 to 63 letters, digits, dots, hyphens and underscores, the first a letter or digit"},
	"text":     {regexp.MustCompile(`^\S([^\x00-\x1f]*\S)?$`), nil, "a text of one line, without spaces around it"},
	"env":      {regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`), nil, "the name of an environment variable: letters, digits and underscores"},
	"path":     {regexp.MustCompile(`^[^/\\]([^\\]*[^/\\])?$`), fs.ValidPath, "a relative path with forward slashes and without .. or empty parts"},
	"prefix":   {regexp.MustCompile(`^([^/\\]([^\\]*[^/\\])?)?$`), isPrefix, "nothing, or a relative path with forward slashes and without . or .. parts"},
	"bucket":   {regexp.MustCompile(`^[a-z0-9][-.a-z0-9]{1,61}[a-z0-9]$`), nil, "3 to 63 lowercase letters, digits, dots and hyphens, the first and last a letter or digit"},
	"url":      {regexp.MustCompile(`^https?://[^\s?#@]+$`), isURL, "an http or https URL without user, query or fragment"},
	"endpoint": {regexp.MustCompile(`^https?://[^\s?#@/]+/?$`), isURL, "an http or https URL of a server, without user, path, query or fragment"},
}

func isPrefix(s string) bool { return s == "" || s != "." && fs.ValidPath(s) }

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Hostname() != "" && !strings.Contains(u.Path, "..")
}
