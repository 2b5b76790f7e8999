package openai

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
)

// However a server shows a key, no eight characters of it are left.
func TestAnEchoOfAKeyIsNotShown(t *testing.T) {
	const secret = "sk-Zq8/Vw3+Lm5_Tx7=Ry1"
	all := func(format string) string {
		var b strings.Builder
		for _, c := range []byte(secret) {
			fmt.Fprintf(&b, format, c)
		}
		return b.String()
	}
	quoted, _ := json.Marshal(secret)
	for name, shown := range map[string]string{
		"as it is":         secret,
		"a part":           secret[:12] + "...",
		"two parts":        secret[:9] + "..." + secret[12:],
		"the end":          "ending in " + secret[10:],
		"small letters":    strings.ToLower(secret),
		"capitals":         strings.ToUpper(secret),
		"backwards":        backwards(secret),
		"URL":              url.QueryEscape(secret),
		"URL, all of it":   all("%%%02x"),
		"JSON":             string(quoted),
		"JSON, all of it":  all(`\u%04x`),
		"HTML":             html.EscapeString(secret),
		"HTML, all of it":  all("&#%d;"),
		"hexadecimal":      all("%02x"),
		"a dump":           all("%02x "),
		"base64":           base64.StdEncoding.EncodeToString([]byte(secret)),
		"base64 for URLs":  base64.URLEncoding.EncodeToString([]byte(secret)),
		"Basic, as a user": base64.StdEncoding.EncodeToString([]byte(secret + ":")),
		"Basic, after :":   base64.StdEncoding.EncodeToString([]byte(":" + secret)),
		"within base64":    base64.StdEncoding.EncodeToString([]byte("u:" + secret + " and more")),
	} {
		got := NewKey(secret).scrub("wrong key <" + shown + "> given")
		if !strings.HasPrefix(got, "wrong key <") || !strings.HasSuffix(got, "> given") || !strings.Contains(got, redacted) {
			t.Errorf("%s: %s", name, got)
		}
		const beside = "IGFuZCBtb3Jl"         // " and more"
		for i := 0; i+10 <= len(shown); i++ { // the edges of base64 are of a neighbour, too
			if part := shown[i : i+10]; strings.Contains(got, part) && !strings.ContainsAny(part, ". ") && !strings.Contains(beside, part) {
				t.Errorf("%s: %s shows %s", name, got, part)
				break
			}
		}
	}
	for _, text := range []string{"nothing of it", "sk-Zq8 alone", ""} {
		if got := NewKey(secret).scrub(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	if got := NewKey("EMPTY").scrub("RU1QVFk= in base64"); got != "RU1QVFk= in base64" {
		t.Error(got)
	}
}
