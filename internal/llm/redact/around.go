package redact

import (
	"encoding/base64"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what is read around a key, in bytes.
const (
	maxUserinfo = 512
	maxCookie   = 4096
)

// findUserinfo finds the password in scheme://user:password@host, and a key that
// stands there alone. What a program puts in later ($PASS, {pass}, ***) is none.
func findUserinfo(s *source, from int) (int, int) {
	for {
		i := strings.Index(s.text[from:], "://")
		if i < 0 {
			return -1, -1
		}
		start := from + i + len("://")
		from = start
		end := span(s.text, start, maxUserinfo, &ofUserinfo)
		at := strings.LastIndexByte(s.text[start:end], '@')
		if at < 0 {
			continue
		}
		user, password, pair := strings.Cut(s.text[start:start+at], ":")
		switch {
		case pair && password != "" && password[0] != '$' && strings.Trim(password, "*") != "":
			return start + len(user) + 1, start + at
		case !pair && random(user):
			return start, start + at
		}
	}
}

// findPassword finds the value of password=, pwd= and passwd= in a connection
// string (…;Password=…) or an address (?password=…).
func findPassword(s *source, from int) (int, int) {
	for i := max(from, len(";pwd=")); i <= len(s.text); i++ {
		at := strings.IndexByte(s.text[i-1:], '=')
		if at < 0 {
			return -1, -1
		}
		i += at
		word := i - 1
		for word > 0 && isLetter(s.text[word-1]) && i-word < 12 {
			word--
		}
		if word == 0 || strings.IndexByte(";?&", s.text[word-1]) < 0 {
			continue
		}
		switch strings.ToLower(s.text[word : i-1]) {
		case "password", "passwd", "pwd":
		default:
			continue
		}
		end := span(s.text, i, len(s.text), &ofPassword)
		if end > i && i >= from && s.text[i] != '$' && strings.Trim(s.text[i:end], "*") != "" {
			return i, end
		}
	}
	return -1, -1
}

// findBasic finds user:password in base64 after Basic.
func findBasic(s *source, from int) (int, int) {
	for {
		i := indexFold(s.text, from, "basic")
		if i < 0 {
			return -1, -1
		}
		from = i + len("basic")
		start := span(s.text, from, 3, &blanks)
		end := span(s.text, start, maxCookie, &ofBasic)
		if start > from && end-start >= 8 && credentials(s.text[start:end]) {
			return start, end
		}
	}
}

// credentials reports whether a text is user:password in base64.
func credentials(value string) bool {
	value = strings.TrimRight(value, "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if plain, err := encoding.DecodeString(value); err == nil {
			text := string(plain)
			return utf8.ValidString(text) && strings.Contains(text, ":") && !strings.ContainsFunc(text, unicode.IsControl)
		}
	}
	return false
}

// findAuthorization finds what follows Authorization and its scheme.
func findAuthorization(s *source, from int) (int, int) {
	for {
		i := indexFold(s.text, from, "authorization")
		if i < 0 {
			return -1, -1
		}
		from = i + len("authorization")
		at := span(s.text, from, 6, &beforeScheme)
		word := span(s.text, at, 12, &ofScheme)
		switch strings.ToLower(s.text[at:word]) {
		case "bearer", "token", "basic", "apikey", "key":
		default:
			continue
		}
		start := span(s.text, word, 3, &blanks)
		end := span(s.text, start, len(s.text), &ofAuthorization)
		if start > word && end-start >= 8 && strings.ContainsAny(s.text[start:end], digits) {
			return start, end
		}
	}
}

// findCookie finds the values of a Cookie or Set-Cookie header.
func findCookie(s *source, from int) (int, int) {
	at := s.cookie
	if at == 0 || at < from {
		if at = s.nextCookie(from); at < 0 {
			return -1, -1
		}
	}
	for {
		start, end, more := cookieValue(s.text, at)
		if !more {
			if at = s.nextCookie(max(at, from)); at < 0 {
				return -1, -1
			}
			continue
		}
		at = end
		if end-start >= 8 && start >= from {
			s.cookie = end
			return start, end
		}
	}
}

func (s *source) nextCookie(from int) int {
	s.cookie = 0
	if i := indexFold(s.text, from, "cookie:"); i >= 0 {
		return i + len("cookie:")
	}
	return -1
}

// cookieValue is the value of the next NAME=VALUE of a header that goes on at i. An
// attribute, and what was replaced before, is an empty one.
func cookieValue(text string, i int) (start, end int, more bool) {
	name := span(text, i, len(text), &beforeCookie)
	i = span(text, name, 128, &ofCookieName)
	if i == name || i == len(text) {
		return 0, 0, false
	}
	if text[i] == ';' {
		return i, i, true
	}
	if text[i] != '=' {
		return 0, 0, false
	}
	i++
	if i < len(text) && text[i] == '[' { // was replaced
		if close := strings.IndexByte(text[i:min(len(text), i+24)], ']'); close > 0 {
			return i + close + 1, i + close + 1, true
		}
	}
	start = i
	i = span(text, start, maxCookie, &ofCookie)
	switch strings.ToLower(text[name : start-1]) {
	case "path", "domain", "max-age", "samesite", "priority", "version":
		return i, i, true
	case "expires":
		i = max(i, span(text, start, 64, &ofDate))
		return i, i, true
	}
	return start, i, true
}

// What each is made of.
var (
	blanks          = setOf(" \t")
	ofUserinfo      = setBut("/?# \t\r\n\"'<>[]{}()`|\\,")
	ofPassword      = setBut(";&# \t\r\n\"'<>[]{}`\\")
	ofBasic         = setOf(letters + digits + "-_+/=")
	beforeScheme    = setOf(" \t:=\"'")
	ofScheme        = setOf(letters)
	ofAuthorization = setOf(letters + digits + "-_+/.~%=")
	beforeCookie    = setOf(" \t;")
	ofCookieName    = setOf(letters + digits + "-_.")
	ofCookie        = setBut("; \t\r\n\"',\\")
	ofDate          = setBut(";\r\n")
)
