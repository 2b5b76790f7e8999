package redact

import (
	"math"
	"strings"
)

// prefixes are those of well-known keys, and the letters and digits that follow
// in one go, at least.
var prefixes = [...]struct {
	text string
	run  int
}{
	{"sk-", 16}, {"sk_live_", 16}, {"rk_live_", 16}, {"sk_test_", 16}, {"whsec_", 16},
	{"ghp_", 30}, {"gho_", 30}, {"ghu_", 30}, {"ghs_", 30}, {"ghr_", 30}, {"github_pat_", 20}, {"glpat-", 16},
	{"AKIA", 16}, {"ASIA", 16}, {"AIza", 16}, {"xoxb-", 9}, {"xoxp-", 9}, {"xoxa-", 9}, {"xoxr-", 9}, {"xoxs-", 9},
	{"hf_", 30}, {"npm_", 30}, {"pypi-", 16},
}

// minKey is the length of the shortest run of characters that may hold a key.
const minKey = 16

// findKey finds a private key in PEM, a JSON Web Token, a key with a known
// beginning, and what looks drawn at random after a word like key or token.
func findKey(text string, from int) (int, int) {
	pem, pemEnd := findPEM(text, from)
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
		end := i + minKey
		for end < limit && keyBytes[text[end]] {
			end++
		}
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
	if !random(value) {
		return -1, -1
	}
	return start, start + len(value)
}

// known is where a key with a known beginning ends that starts at p, or 0.
func known(text string, p int) int {
	if !beginnings[text[p]] {
		return 0
	}
	if strings.HasPrefix(text[p:], "eyJ") { // {" in base64: header.payload.signature
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
	for _, k := range prefixes {
		if text[p] != k.text[0] || !strings.HasPrefix(text[p:], k.text) {
			continue
		}
		run, longest, digits := 0, 0, false
		end := p + len(k.text)
		for end < len(text) && tokenBytes[text[end]] {
			run++
			if !isAlnum(text[end]) {
				run = 0
			}
			longest = max(longest, run)
			digits = digits || isDigit(text[end])
			end++
		}
		if longest >= k.run && digits {
			return end
		}
	}
	return 0
}

// beginnings are the first letters of keys with a known beginning.
var beginnings = func() (set [256]bool) {
	set['e'] = true
	for _, k := range prefixes {
		set[k.text[0]] = true
	}
	return set
}()

// named says whether a text ends on a word for a secret and what stands between
// it and its value: key=, "token": ", Bearer.
func named(before string) bool {
	bare := strings.TrimRight(before, " \t\"'`")
	word := strings.TrimRight(bare, ":=\"'` \t")
	i := len(word)
	for i > 0 && tokenBytes[word[i-1]] {
		i--
	}
	name := strings.ToLower(word[i:])
	if len(word) == len(bare) { // nothing between
		return name == "bearer" && len(before) > len(bare)
	}
	for _, w := range secretWords {
		if strings.HasSuffix(name, w) {
			return true
		}
	}
	return false
}

var secretWords = [...]string{"key", "token", "secret", "password", "passwd", "pwd", "bearer", "authorization", "credential", "credentials", "signature"}

// random says whether a value looks drawn at random: long, of letters and
// digits that change often, and with at least 3 bits a character in it (3.5 with
// more than the digits of a hexadecimal number).
func random(s string) bool {
	if len(s) < 20 || strings.IndexByte(s, '.') >= 0 {
		return false
	}
	var counts [256]int
	digits, letters, upper, hex, slashes := 0, 0, 0, 0, 0
	changes, numbers := 0, 0 // between capitals, small letters and digits; runs of digits
	for i := range len(s) {
		c := s[i]
		counts[c]++
		if i > 0 && classOf(c) != classOf(s[i-1]) {
			changes++
		}
		if isDigit(c) && (i == 0 || !isDigit(s[i-1])) {
			numbers++
		}
		switch {
		case isDigit(c):
			digits++
			hex++
		case isLetter(c):
			letters++
			if c < 'a' {
				upper++
			}
			if c|0x20 <= 'f' {
				hex++
			}
		case c == '/':
			slashes++
		}
	}
	if digits < 3 || letters < 3 || slashes > 0 && (upper < 3 || len(s) < 32) {
		return false
	}
	entropy := 0.0
	for _, n := range counts {
		if n > 0 {
			p := float64(n) / float64(len(s))
			entropy -= p * math.Log2(p)
		}
	}
	if hex+strings.Count(s, "-") == len(s) {
		return entropy >= 3
	}
	if upper > 0 && upper < letters { // an identifier, such as testRSA2048Key, changes at its words alone
		return entropy >= 3.5 && 5*changes >= 2*len(s)
	}
	return entropy >= 3.5 && numbers >= 3
}

func classOf(c byte) int {
	switch {
	case isDigit(c):
		return 1
	case isLetter(c) && c < 'a':
		return 2
	case isLetter(c):
		return 3
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
		if !ok || !strings.HasSuffix(label, "PRIVATE KEY") || len(label) > 40 {
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
var tokenBytes, keyBytes = func() (token, key [256]bool) {
	for c := range 256 {
		token[c] = isAlnum(byte(c)) || c == '-' || c == '_'
		key[c] = token[c] || strings.IndexByte("+/.~%", byte(c)) >= 0
	}
	return token, key
}()
