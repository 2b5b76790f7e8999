package experiment

import (
	"io/fs"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/resource"
)

// A rule is the form of a text. The pattern is for the JSON Schema, and where
// ok is set it may let through what only ok can refuse.
type rule struct {
	pattern func() *regexp.Regexp
	ok      func(string) bool
	want    string // completes "use …"
}

func (r rule) holds(s string) bool {
	return r.pattern().MatchString(s) && (r.ok == nil || r.ok(s))
}

// faults say what is wrong with a text where a rule has more to say than what to use.
var faults = map[string]func(s string) (message, fix string){"cron": cronFault, "timezone": zoneFault}

// lazily compiles a pattern when it is first asked for: most processes ask for none.
func lazily(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

// The parts of names that Kubernetes and image registries share.
const (
	subdomain = `[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*`
	host      = `[A-Za-z0-9]([-.A-Za-z0-9]*[A-Za-z0-9])?(:[0-9]+)?`
	component = `[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*`
	imageTag  = `:[A-Za-z0-9_][-._A-Za-z0-9]{0,127}`
)

var title = lazily(`^[A-Za-z0-9][-._A-Za-z0-9]{0,62}$`)

// rules are looked up by the struct tags rule and keys.
var rules = map[string]rule{
	"label":     {lazily(`^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$`), nil, "1 to 40 lowercase letters, digits and inner hyphens"},
	"name":      {lazily(`^[A-Za-z0-9][-_A-Za-z0-9]{0,62}$`), nil, "1 to 63 letters, digits, hyphens and underscores, the first a letter or digit"},
	"title":     {title, nil, "1 to 63 letters, digits, dots, hyphens and underscores, the first a letter or digit"},
	"candidate": {lazily(`^[A-Za-z0-9{][-._A-Za-z0-9{}]{0,126}$`), func(s string) bool { return title().MatchString(s) }, "1 to 63 letters, digits, dots, hyphens and underscores, the first a letter or digit; beside matrix {KEY} of it, too"},
	"text":      {lazily(`^\S([^\x00-\x1f]*\S)?$`), nil, "a text of one line, without spaces around it"},
	"env":       {lazily(`^[A-Za-z_][A-Za-z0-9_]*$`), nil, "the name of an environment variable: letters, digits and underscores"},
	"path":      {lazily(`^[^/\\]([^\\]*[^/\\])?$`), fs.ValidPath, "a relative path with forward slashes and without .. or empty parts"},
	"prefix":    {lazily(`^([^/\\]([^\\]*[^/\\])?)?$`), isPrefix, "nothing, or a relative path with forward slashes and without . or .. parts"},
	"bucket":    {lazily(`^[a-z0-9][-.a-z0-9]{1,61}[a-z0-9]$`), nil, "3 to 63 lowercase letters, digits, dots and hyphens, the first and last a letter or digit"},
	"url":       {lazily(`^https?://[^\s?#@]+$`), isURL, "an http or https URL without user, query or fragment; parameters go into query"},
	"against":   {lazily(`^[A-Za-z0-9][-+.:_A-Za-z0-9]{0,62}$`), isAgainst, "previous, best:N with N from 1 to 999, or the name of a run or tag"},
	"endpoint":  {lazily(`^https?://[^\s?#@/]+/?$`), isURL, "an http or https URL of a server, without user, path, query or fragment"},

	"query":       {lazily(`^[A-Za-z0-9][-_.A-Za-z0-9]{0,62}$`), nil, "the name of a URL's parameter: letters, digits, hyphens, underscores and dots"},
	"header":      {lazily(`^[A-Za-z0-9][-_A-Za-z0-9]{0,62}$`), nil, "the name of an HTTP header: letters, digits, hyphens and underscores"},
	"headerValue": {lazily(`^[!-~]([ -~]*[!-~])?$`), nil, "printable ASCII characters, without spaces around them"},

	"image":     {lazily(`^(` + host + `/)?` + component + `(/` + component + `)*(` + imageTag + `|(` + imageTag + `)?` + imageDigest + `)$`), nil, "an image with a tag or digest, such as NAME:TAG"},
	"cron":      {lazily(`^[-,*/?0-9A-Za-z]+( +[-,*/?0-9A-Za-z]+){4}$`), isCron, "the five fields minute, hour, day of month, month and day of week, such as 0 3 * * *"},
	"timezone":  {lazily(`^[A-Za-z][-+_A-Za-z0-9]*(/[A-Za-z][-+_A-Za-z0-9]*)*$`), isTimezone, "an IANA name of a time zone, such as UTC or Europe/Berlin"},
	"subdomain": {lazily(`^` + subdomain + `$`), func(s string) bool { return len(s) <= 253 }, "1 to 253 lowercase letters, digits, inner hyphens and inner dots"},
	"secretKey": {lazily(`^[-._a-zA-Z0-9]{1,253}$`), isSecretKey, "1 to 253 letters, digits, dots, hyphens and underscores, not two dots at the start"},
	"quantity":  {lazily(`^[0-9]{1,15}(\.[0-9]{1,9})?([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]{1,2})?$`), isQuantity, "a Kubernetes quantity above 0, such as 500m, 2 or 4Gi"},
	"resource":  {lazily(`^(cpu|memory|ephemeral-storage|hugepages-[0-9]+[KMG]i|` + subdomain + `/[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?)$`), nil, "a resource of Kubernetes, such as cpu, memory or nvidia.com/gpu"},
}

func isPrefix(s string) bool { return s == "" || s != "." && fs.ValidPath(s) }

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Hostname() != "" && !strings.Contains(u.Path, "..")
}

func isCron(s string) bool {
	message, _ := cronFault(s)
	return message == ""
}

func isTimezone(s string) bool {
	message, _ := zoneFault(s)
	return message == ""
}

func isSecretKey(s string) bool { return s != "." && !strings.HasPrefix(s, "..") }

func isQuantity(s string) bool {
	q, err := resource.ParseQuantity(s)
	return err == nil && q.Sign() > 0
}
