package redact

import (
	"math"
	"strings"
)

// named says whether a text ends on a word for a secret and what stands between
// it and its value: key=, "token": ", Bearer.
func named(before string) bool {
	before = before[max(0, len(before)-maxBefore):]
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

// maxBefore bounds what is read before a value, in bytes.
const maxBefore = 256

// secretKey says whether the name before a value is of a key that is always long.
func secretKey(before string) bool {
	name := strings.ToLower(before[max(0, len(before)-40):])
	for _, w := range []string{"secret_access_key", "secretaccesskey", "secret_key", "secretkey", "client_secret", "clientsecret", "account_key", "accountkey"} {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}

// mixed says whether a value has what keys in base64 have, and few words do: 20
// and more capitals, small letters, and digits or signs, with 3.5 bits in each.
func mixed(s string) bool {
	capitals, small, others := 0, 0, 0
	for _, c := range []byte(s) {
		switch classOf(c) {
		case 2:
			capitals++
		case 3:
			small++
		default:
			others++
		}
	}
	return len(s) >= 20 && capitals >= 3 && small >= 3 && others > 0 && entropy(s) >= 3.5
}

func entropy(s string) float64 {
	var counts [256]int
	for i := range len(s) {
		counts[s[i]]++
	}
	sum := 0.0
	for _, n := range counts {
		if n > 0 {
			p := float64(n) / float64(len(s))
			sum -= p * math.Log2(p)
		}
	}
	return sum
}

// random says whether a value looks drawn at random: long, of letters and
// digits that change often, and with at least 3 bits a character in it (3.5 with
// more than the digits of a hexadecimal number).
func random(s string) bool {
	if len(s) < 20 || strings.IndexByte(s, '.') >= 0 {
		return false
	}
	digits, letters, upper, hex, slashes := 0, 0, 0, 0, 0
	changes, numbers := 0, 0 // between capitals, small letters and digits; runs of digits
	for i := range len(s) {
		c := s[i]
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
	bits := entropy(s)
	if hex+strings.Count(s, "-") == len(s) {
		return bits >= 3
	}
	if upper > 0 && upper < letters { // an identifier, such as testRSA2048Key, changes at its words alone
		return bits >= 3.5 && 5*changes >= 2*len(s)
	}
	return bits >= 3.5 && numbers >= 3
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
