package redact

import "strings"

// minKey is the length of the shortest run of characters that may hold a key.
const minKey = 16

// findKey finds the first of all forms of keys.
func findKey(s *source, from int) (int, int) {
	start, end := -1, -1
	for i, find := range keyForms {
		if a, b := s.forms[i].from(from, func(from int) (int, int) { return find(s, from) }); a >= 0 && (start < 0 || a < start) {
			start, end = a, b
		}
	}
	return start, end
}

// findToken finds a private key in PEM, a JSON Web Token, a key with a known
// beginning, and what looks drawn at random after a word like key or token.
func findToken(s *source, from int) (int, int) {
	text := s.text
	pem, pemEnd := s.pem.from(from, func(from int) (int, int) { return findPEM(text, from) })
	limit := len(text)
	if pem >= 0 {
		limit = pem
	}
	for i := from; i+minKey <= limit; {
		j := i + minKey - 1
		for j >= i && keyBytes[text[j]] {
			j--
		}
		if j >= i { // no run can hold j
			i = j + 1
			continue
		}
		end := max(i+minKey, min(s.runEnd, limit)) // the rest of a run in which a key was found
		for end < limit && keyBytes[text[end]] {
			end++
		}
		s.runEnd = end
		if start, stop := keyIn(text, i, end); start >= 0 {
			return start, stop
		}
		i = end + 1
	}
	return pem, pemEnd
}

// keyIn looks for a key in a run of characters that keys are made of.
func keyIn(text string, start, end int) (int, int) {
	for p := start; p < end; p++ {
		if p > start && tokenBytes[text[p-1]] {
			continue
		}
		if stop := known(text[:end], p); stop > 0 {
			return p, stop
		}
	}
	if !named(text[:start]) {
		return -1, -1
	}
	for end < len(text) && text[end] == '=' {
		end++
	}
	value := strings.TrimRight(text[start:end], ".")
	if !random(value) && (!mixed(value) || !secretKey(text[:start])) {
		return -1, -1
	}
	return start, start + len(value)
}

// known is where a key with a known beginning ends that starts at p, or 0.
func known(text string, p int) int {
	if text[p] == 'e' && strings.HasPrefix(text[p:], "eyJ") { // {" in base64: header.payload.signature
		end, dots := p, 0
		for end < len(text) && (tokenBytes[text[end]] || text[end] == '.' && dots < 2) {
			if text[end] == '.' {
				dots++
			}
			end++
		}
		if dots == 2 && end-p > 30 {
			return end
		}
		return 0
	}
	for _, k := range byFirst[text[p]] {
		if !strings.HasPrefix(text[p:], k.text) {
			continue
		}
		run, longest, digits := 0, 0, false
		end := p + len(k.text)
		for end < len(text) && (tokenBytes[text[end]] || k.dotted && text[end] == '.') {
			run++
			if !isAlnum(text[end]) {
				run = 0
			}
			longest = max(longest, run)
			digits = digits || isDigit(text[end])
			end++
		}
		if longest >= k.run && (digits || k.sure) {
			return len(strings.TrimRight(text[:end], "."))
		}
	}
	return 0
}

// findPEM finds a private key, up to its end or that of the text.
func findPEM(text string, from int) (int, int) {
	for {
		i := strings.Index(text[from:], "-----BEGIN ")
		if i < 0 {
			return -1, -1
		}
		start := from + i
		from = start + len("-----BEGIN ")
		label, _, ok := strings.Cut(text[from:], "-----")
		if !ok || len(label) > 40 || !strings.HasSuffix(strings.TrimSuffix(label, " BLOCK"), "PRIVATE KEY") {
			continue
		}
		last := "-----END " + label + "-----"
		if end := strings.Index(text[from:], last); end >= 0 {
			return start, from + end + len(last)
		}
		return start, len(text)
	}
}

// tokenBytes are of a key with a known beginning, keyBytes of others, which may
// be base64.
var tokenBytes, keyBytes = setOf(letters + digits + "-_"), setOf(letters + digits + "-_+/.~%")
