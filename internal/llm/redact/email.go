package redact

import "strings"

// findEmail finds an address whose domain has a dot and ends on letters. An image
// for dense screens (icon@2x.png), a version (pkg@1.2.0-rc.beta) and the user of
// a repository's address (git@host:path) are none. %40 stands for @ in URLs.
func findEmail(s *source, from int) (int, int) {
	text := s.text
	for {
		at, width := s.nextAt(from)
		if at < 0 {
			return -1, -1
		}
		start := at
		for start > from && emailBytes[text[start-1]] {
			start--
		}
		for start < at && text[start] == '.' || start < at && text[start] == '%' {
			start++
		}
		end := domainEnd(text, at+width)
		from = at + width
		if start == at || end < 0 || text[start:at] == "git" && end < len(text) && text[end] == ':' {
			continue
		}
		return start, end
	}
}

// nextAt is where the next @ or %40 is, and how long it is.
func (s *source) nextAt(from int) (at, width int) {
	at = -1
	for i, sign := range [...]string{"@", "%40"} {
		next, end := s.ats[i].from(from, func(from int) (int, int) {
			if i := strings.Index(s.text[from:], sign); i >= 0 {
				return from + i, from + i + len(sign)
			}
			return -1, -1
		})
		if next >= 0 && (at < 0 || next < at) {
			at, width = next, end-next
		}
	}
	return at, width
}

// domainEnd is where the domain that starts at i ends, or -1.
func domainEnd(text string, i int) int {
	start, dot := i, -1
	for i < len(text) && (isAlnum(text[i]) || text[i] == '-' || text[i] == '.' && i > start && text[i-1] != '.') {
		if text[i] == '.' {
			dot = i
		}
		i++
	}
	if i > start && text[i-1] == '.' { // of a sentence
		i--
		dot = strings.LastIndexByte(text[start:i], '.')
		if dot >= 0 {
			dot += start
		}
	}
	if dot < 0 || i-dot < 3 {
		return -1
	}
	for _, c := range []byte(text[dot+1 : i]) {
		if !isLetter(c) {
			return -1
		}
	}
	first, rest, _ := strings.Cut(text[start:i], ".")
	digits := strings.TrimLeft(first, "0123456789")
	if first == "" || digits == "x" && digits != first || digits == "" && rest[0] >= '0' && rest[0] <= '9' {
		return -1
	}
	return i
}

var emailBytes = setOf(letters + digits + "._%+-")

const (
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits  = "0123456789"
)

func setOf(bytes string) (set [256]bool) {
	for _, c := range []byte(bytes) {
		set[c] = true
	}
	return set
}

// setBut are all bytes but some.
func setBut(bytes string) (set [256]bool) {
	for c, of := range setOf(bytes) {
		set[c] = !of
	}
	return set
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isAlnum(c byte) bool  { return isDigit(c) || isLetter(c) }
