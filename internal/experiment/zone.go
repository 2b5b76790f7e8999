package experiment

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// zoneNames are IANA's, one a line, as Go's own data has them. A machine's folder of
// zones has other names too, and a cluster need not know those.
//
//go:embed zones.txt
var zoneNames string

var zones = sync.OnceValue(func() []string { return strings.Fields(zoneNames) })

var (
	zoneOffset       = regexp.MustCompile(`^(?i:UTC|GMT|Z)?([+-])([0-9]{1,2})(?::?([0-9]{2}))?$`)
	zoneAbbreviation = regexp.MustCompile(`^[A-Z]{2,5}$`)
)

// zoneFault says what is wrong with the name of a time zone; "" for nothing.
func zoneFault(s string) (message, fix string) {
	const use = "use an IANA name of a time zone, such as UTC or Europe/Berlin"
	names := zones()
	if slices.Contains(names, s) {
		return "", ""
	}
	switch tail, _ := strings.CutPrefix(strings.TrimPrefix(s, "right/"), "posix/"); {
	case s == "":
		return "is empty", use
	case strings.EqualFold(s, "local") || strings.EqualFold(s, "localtime"):
		return "is another zone on every machine", use
	case s == "posixrules" || s == "Factory":
		return "is a file of zone data, and no zone", use
	case tail != s && slices.Contains(names, tail):
		return "is a name of some machines alone", "use " + tail
	case zoneOffset.MatchString(s):
		return "is an offset, and no zone", offsetFix(s)
	}
	spelt := strings.ReplaceAll(s, " ", "_")
	for _, name := range names {
		if strings.EqualFold(name, spelt) {
			return "is not spelt as IANA does", "use " + name
		}
	}
	if zoneAbbreviation.MatchString(s) {
		return "is an abbreviation, which stands for several zones or for half a year", "name a place, such as America/Los_Angeles or Asia/Kolkata"
	}
	for _, name := range names {
		if strings.HasSuffix(strings.ToLower(name), "/"+strings.ToLower(spelt)) {
			return "is no IANA time zone", fmt.Sprintf("did you mean %s?", name)
		}
	}
	return "is no IANA time zone", suggest(s, names, use)
}

// offsetFix names the zone of an offset; in its name, the sign is the other way around.
func offsetFix(s string) string {
	m := zoneOffset.FindStringSubmatch(s)
	hours := strings.TrimPrefix(m[2], "0")
	sign := map[string]string{"+": "-", "-": "+"}[m[1]]
	if name := "Etc/GMT" + sign + hours; (m[3] == "" || m[3] == "00") && slices.Contains(zones(), name) {
		return "name a place, such as Europe/Berlin, or use " + name + ", which is UTC" + m[1] + hours
	}
	return "name a place, such as Europe/Berlin or Asia/Kolkata"
}
