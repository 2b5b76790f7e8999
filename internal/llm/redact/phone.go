package redact

import (
	"regexp"
	"strings"
	"sync"
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
func findPhone(s *source, from int) (int, int) {
	text := s.text
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

// A form is how numbers are written: from their sign or parenthesis to their last
// digit, with so many digits.
type form struct {
	lead        string // what the first of it is one of, after a parenthesis
	least, most int
	shape       *regexp.Regexp
	unless      *regexp.Regexp
	pairs       bool // of digits, which are none among the bytes of a dump
}

// newForm returns a form, whose shape has S for any separator.
func newForm(lead string, least, most int, shape, unless string) form {
	compile := func(shape string) *regexp.Regexp {
		return regexp.MustCompile(`^(?:` + strings.ReplaceAll(shape, "S", `[-./() ]{1,3}`) + `)$`)
	}
	f := form{lead: lead, least: least, most: most, shape: compile(shape)}
	if unless != "" {
		f.unless = compile(unless)
	}
	return f
}

func inPairs(f form) form {
	f.pairs = true
	return f
}

// forms are the ways to write a number that needs no word before it.
var forms = sync.OnceValue(func() []form { // few commands need them
	return []form{
		// International: those of North America have 11 digits. After 00, what may be a
		// card's number or colours is none.
		newForm("+", 11, 11, `\(?\+\(?1[-./() \d]*`, ""),
		newForm("+", 10, 13, `\(?\+\(?[2-9][-./() \d]*`, ""),
		newForm("+", 8, 13, `\(?\+\(?[2-9]\d*S\d[-./() \d]*`, ""),
		newForm("+0", 11, 15, `\(?\+?\(?00[1-9]\d*S\d[-./() \d]*`, `\(?\+?\(?(\d{4}S\d{4}S\d{4}|\d{6}S\d{6})`),
		// North America: 3-3-4, with or without the 1 of long distance; the first two
		// parts do not start with 0 or 1.
		newForm("123456789", 10, 11, `\(?(1S)?[2-9]\d\d-[2-9]\d\d-\d{4}`, ""),
		newForm("123456789", 10, 11, `\(?(1S)?[2-9]\d\d\.[2-9]\d\d\.\d{4}`, ""),
		newForm("123456789", 10, 11, `\(?(1S)?[2-9]\d\d\)[-./() ]{0,2}[2-9]\d\d[- ]\d{4}`, ""),
		// Chinese mobiles: 3-4-4.
		newForm("1", 11, 11, `\(?1[3-9]\d( \d{4} |-\d{4}-)\d{4}`, ""),
		// With the 0 of long distance: in pairs; 2-4-4; an area of 3 to 6 digits and one to
		// three parts. 5-4 is a ZIP code, and 6-6 two colours.
		inPairs(newForm("0", 10, 10, `\(?0[1-9](( \d\d){4}|(\.\d\d){4}|(-\d\d){4})`, "")),
		newForm("0", 10, 10, `\(?0[1-9]( \d{4} |-\d{4}-|/\d{4}[/ ])\d{4}`, ""),
		newForm("0", 10, 10, `\(0[1-9]\)[-./() ]{0,2}\d{4} \d{4}`, ""),
		newForm("0", 9, 12, `\(?0[1-9]\d{1,4}[-/ ]\d{2,}|\(0[1-9]\d{1,4}\)[-./() ]{0,2}\d{2,}`, `\(?\d{5}S\d{4}|\(?\d{6}S\d{6}`),
		newForm("0", 10, 11, `\(?0[1-9]\d{1,4}(( \d{2,}){2,3}|(-\d{2,}){2,3}|/\d{2,}([/ ]\d{2,}){1,2})`, ""),
		newForm("0", 10, 11, `\(0[1-9]\d{1,4}\)[-./() ]{0,2}\d{2,}( \d{2,}){1,2}`, ""),
	}
})

// phone is the longest beginning of the groups that is a number.
func (g *groups) phone() (int, int) {
	named := g.named()
	for n := g.n; n > 0; n-- {
		if !mayFollow(g.text[g.to[n-1]:]) {
			continue
		}
		digits := 0
		for i := range n {
			digits += g.to[i] - g.from[i]
		}
		if g.formed(n, digits) || digits >= minNumber && named {
			start, end := g.start, g.to[n-1]
			if g.text[start] == '(' && strings.IndexByte(g.text[start:end], ')') < 0 {
				start++ // a parenthesis around all of it
			}
			return start, end
		}
	}
	return -1, -1
}

// formed says whether the first groups have one of the forms.
func (g *groups) formed(n, digits int) bool {
	number := g.text[g.start:g.to[n-1]]
	lead := strings.TrimLeft(number, "(")[0]
	list := forms()
	for i := range list {
		f := &list[i]
		if digits >= f.least && digits <= f.most && strings.IndexByte(f.lead, lead) >= 0 && f.shape.MatchString(number) && (f.unless == nil || !f.unless.MatchString(number)) {
			return !f.pairs || !g.ofBytes(n)
		}
	}
	return false
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
