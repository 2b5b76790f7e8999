package redact

import (
	"strings"
	"unicode/utf8"
)

// findPhone finds telephone numbers by the forms in which they are written:
//
//	+49 30 1234567, +1 (555) 123-4567, 0049 30 1234567   international
//	(555) 234-5678, 555-234-5678, 1-800-555-1234        North America
//	020 7946 0958, 0171/1234567, 01 23 45 67 89         with the 0 of long distance
//	138 1234 5678                                       China
//
// A bare run of digits is one only after a word that says so ("phone: 5551234"):
// events are full of times, sizes and numbers of orders.
func findPhone(text string, from int) (int, int) {
	var g groups
	for i := from; i < len(text); i++ {
		if !isDigit(text[i]) {
			continue
		}
		if g.read(text, i); g.n > 0 && g.to[g.n-1]-g.from[0] >= minNumber {
			if start, end := g.phone(); start >= from && start >= 0 {
				return start, end
			}
		}
		for i+1 < len(text) && isDigit(text[i+1]) {
			i++
		}
	}
	return -1, -1
}

const (
	maxGroups = 7
	maxNumber = 15 // digits, by E.164
	minNumber = 7
)

// groups are runs of digits with what separates numbers' parts between them.
type groups struct {
	text       string
	start      int // with a sign or parenthesis
	plus, open bool
	n          int
	from, to   [maxGroups]int
}

// read reads the groups from a digit at i, if a number can start there.
func (g *groups) read(text string, i int) {
	g.text, g.start, g.plus, g.open, g.n = text, i, false, false, 0
	if g.start > 0 && text[g.start-1] == '(' {
		g.open = true
		g.start--
	}
	if g.start > 0 && text[g.start-1] == '+' {
		g.plus = true
		g.start--
	}
	if g.plus && !g.open && g.start > 0 && text[g.start-1] == '(' { // (+49)
		g.open = true
		g.start--
	}
	if g.start > 0 && !mayPrecede(text[:g.start]) {
		return
	}
	digits := 0
	for g.n < maxGroups {
		end := i
		for end < len(text) && isDigit(text[end]) {
			end++
		}
		if digits += end - i; digits > maxNumber {
			break
		}
		// A parenthesis belongs to a number when it holds this group alone.
		if g.n > 0 && text[i-1] == '(' && (end == len(text) || text[end] != ')') {
			break
		}
		g.from[g.n], g.to[g.n] = i, end
		g.n++
		next := end
		for next < len(text) && next-end < 3 && between[text[next]] {
			next++
		}
		if next == end || next == len(text) || !isDigit(text[next]) {
			break
		}
		i = next
	}
}

// between separates the groups of a number; joins joins numbers to longer ones.
var between, joins = setOf(" -./()"), setOf("-./:,")

// mayPrecede says whether a number may follow on a text: not within a word, a
// longer number, a date, a price or a reference.
func mayPrecede(before string) bool {
	last := before[len(before)-1]
	switch {
	case isAlnum(last) || last == '_' || last == '#' || last == '$' || last == '+':
		return false
	case joins[last] && len(before) > 1:
		return !isDigit(before[len(before)-2]) && (last != '.' && last != '-' && last != '/' || !isAlnum(before[len(before)-2]))
	}
	return true
}

// mayFollow says whether a number may end before a text.
func mayFollow(after string) bool {
	if after == "" {
		return true
	}
	if isAlnum(after[0]) || after[0] == '_' || after[0] == '@' {
		return false
	}
	return len(after) == 1 || !joins[after[0]] || !isDigit(after[1])
}

// phone is the longest beginning of the groups that is a number.
func (g *groups) phone() (int, int) {
	for n := g.n; n > 0; n-- {
		if !mayFollow(g.text[g.to[n-1]:]) {
			continue
		}
		digits := 0
		for i := range n {
			digits += g.to[i] - g.from[i]
		}
		if g.international(n, digits) || !g.plus && (g.american(n) || g.longDistance(n, digits) || g.chinese(n)) || digits >= minNumber && g.named() {
			start, end := g.start, g.to[n-1]
			if g.text[start] == '(' && strings.IndexByte(g.text[start:end], ')') < 0 {
				start++ // a parenthesis around all of it
			}
			return start, end
		}
	}
	return -1, -1
}

func (g *groups) size(i int) int      { return g.to[i] - g.from[i] }
func (g *groups) digit(i, k int) byte { return g.text[g.from[i]+k] }
func (g *groups) between(i int) string {
	return g.text[g.to[i]:g.from[i+1]]
}

// sizes says whether the first groups have these sizes and no more.
func (g *groups) sizes(n int, sizes ...int) bool {
	if n != len(sizes) {
		return false
	}
	for i, want := range sizes {
		if g.size(i) != want {
			return false
		}
	}
	return true
}

// international numbers have 8 to 13 digits, and those of North America 11.
func (g *groups) international(n, digits int) bool {
	first := g.digit(0, 0)
	switch {
	case g.plus && first == '1':
		return digits == 11
	case g.plus && first != '0':
		return digits >= 10 && digits <= 13 || n > 1 && digits >= 8 && digits <= 13
	}
	return n > 1 && g.size(0) > 2 && first == '0' && g.digit(0, 1) == '0' && g.digit(0, 2) != '0' && digits >= 11 && !g.sizes(n, 4, 4, 4) && !g.sizes(n, 6, 6)
}

// american numbers are 3-3-4, with or without the 1 of long distance; the first
// two parts do not start with 0 or 1.
func (g *groups) american(n int) bool {
	i := 0
	switch {
	case g.sizes(n, 3, 3, 4):
	case g.sizes(n, 1, 3, 3, 4) && g.digit(0, 0) == '1':
		i = 1
	default:
		return false
	}
	if g.digit(i, 0) < '2' || g.digit(i+1, 0) < '2' {
		return false
	}
	a, b := g.between(i), g.between(i+1)
	return a == b && (a == "-" || a == ".") || strings.HasPrefix(a, ")") && (b == "-" || b == " ")
}

// longDistance numbers start with a single 0 and have 9 to 12 digits.
func (g *groups) longDistance(n, digits int) bool {
	if n < 2 || g.size(0) < 2 || g.digit(0, 0) != '0' || g.digit(0, 1) == '0' {
		return false
	}
	a := g.between(0)
	for i := 1; i < n-1; i++ {
		if b := g.between(i); b != a && (b != " " || a != "/" && !strings.HasPrefix(a, ")")) {
			return false
		}
	}
	if g.sizes(n, 2, 2, 2, 2, 2) {
		return (a == " " || a == "." || a == "-") && !g.ofBytes(n)
	}
	if g.sizes(n, 5, 4) || g.sizes(n, 6, 6) { // a ZIP code; colours
		return false
	}
	if a != " " && a != "-" && a != "/" && (!g.open || !strings.HasPrefix(a, ")")) {
		return false
	}
	if g.sizes(n, 2, 4, 4) {
		return true
	}
	for i := range n {
		if g.size(i) < 2 {
			return false
		}
	}
	return g.size(0) >= 3 && g.size(0) <= 6 && (n == 2 && digits >= 9 && digits <= 12 || (n == 3 || n == 4) && (digits == 10 || digits == 11))
}

// ofBytes says whether groups of two digits go on before or behind in others, as
// in the bytes of a dump.
func (g *groups) ofBytes(n int) bool {
	before := strings.TrimRight(g.text[:g.start], " ")
	after := strings.TrimLeft(g.text[g.to[n-1]:], " ")
	hex := func(s string) bool {
		return len(s) > 1 && strings.Trim(s[:2], "0123456789abcdefABCDEF") == "" && (len(s) == 2 || !isAlnum(s[2]))
	}
	return len(before) > 1 && len(before) < g.start && strings.Trim(before[len(before)-2:], "0123456789abcdefABCDEF") == "" ||
		len(after) < len(g.text)-g.to[n-1] && hex(after)
}

// chinese mobile numbers are 3-4-4.
func (g *groups) chinese(n int) bool {
	return g.sizes(n, 3, 4, 4) && g.digit(0, 0) == '1' && g.digit(0, 1) >= '3' && g.between(0) == g.between(1) && (g.between(0) == " " || g.between(0) == "-")
}

// named says whether the word before says that a telephone number follows.
func (g *groups) named() bool {
	before := g.text[max(0, g.start-40):g.start]
	if before == "" || before[len(before)-1] < utf8.RuneSelf && strings.IndexByte(" \t:=\"'.", before[len(before)-1]) < 0 {
		return false
	}
	for range 2 {
		before = strings.TrimRight(before, " \t:=\"'.：是为")
		i := len(before)
		for i > 0 && isLetter(before[i-1]) {
			i--
		}
		switch word := strings.ToLower(before[i:]); word {
		case "number", "no", "nr":
			before = before[:i]
			continue
		case "phone", "telephone", "tel", "mobile", "cellphone", "fax", "whatsapp", "phonenumber", "mobilenumber", "telefon":
			return i == 0 || before[i-1] != '['
		}
		for _, word := range []string{"电话", "手机", "手机号", "电话号码", "手机号码"} {
			if strings.HasSuffix(before, word) {
				return true
			}
		}
		return false
	}
	return false
}
