package openai

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// echoPart is how many characters of a key in a row are taken for a part of it.
const echoPart = 8

// An echo is a secret as a server may show it: in a form of writing, of which
// every so many characters stand for at least echoPart of the secret's.
type echo struct {
	text string
	part int
}

// echoes are the forms of a secret: as it is and backwards, in other letters,
// escaped for an URL, JSON, HTML or a program, in hexadecimal and in base64.
func echoes(secret string) []echo {
	list := []echo{{secret, echoPart}, {strings.ToLower(secret), echoPart}, {strings.ToUpper(secret), echoPart}, {backwards(secret), echoPart}, {url.QueryEscape(secret), echoPart}}
	for _, form := range []struct {
		format string
		width  int // of what stands for a character
	}{{"%02x", 2}, {"%02X", 2}, {"%02x ", 3}, {"%02X ", 3}, {"%02x:", 3}, {"%%%02x", 3}, {"%%%02X", 3}, {`\x%02x`, 4}, {`\u%04x`, 6}, {`\u%04X`, 6}, {"&#%d;", 5}, {"&#x%x;", 6}} {
		var b strings.Builder
		for _, c := range []byte(secret) {
			fmt.Fprintf(&b, form.format, c)
		}
		list = append(list, echo{b.String(), echoPart * form.width})
	}
	for before := range 3 { // of any text: what it begins with moves the rest
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := encoding.EncodeToString([]byte(strings.Repeat("x", before) + secret))
			list = append(list, echo{text[(before*8+5)/6 : (before+len(secret))*8/6], echoPart*4/3 + 1})
		}
	}
	return list
}

func backwards(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// parts are those of a secret, in whatever form, by length.
type parts map[int]map[string]bool

// partsOf returns the parts of a secret. A short one may be a word that texts need.
func partsOf(secret string) parts {
	p := parts{}
	if len(secret) < minSecret {
		return p
	}
	for _, e := range echoes(secret) {
		if p[e.part] == nil {
			p[e.part] = map[string]bool{}
		}
		for i := 0; i+e.part <= len(e.text); i++ {
			p[e.part][e.text[i:i+e.part]] = true
		}
	}
	return p
}

// hide puts [redacted] in place of every part in a text.
func (p parts) hide(text string) string {
	var b strings.Builder
	kept, end := 0, 0 // what is written, and where the part ends that goes on
	for i := range len(text) {
		for size, known := range p {
			if i+size > len(text) || !known[text[i:i+size]] {
				continue
			}
			if i > end || end == 0 {
				b.WriteString(text[kept:max(kept, i)])
				b.WriteString(redacted)
			}
			end = max(end, i+size)
			kept = end
		}
	}
	b.WriteString(text[kept:])
	return b.String()
}
