package redact

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// findUser finds the name in /home/NAME, /Users/NAME and C:\Users\NAME, also with
// each backslash written twice, in the path of this machine's files: one that
// starts at a root, a drive or file://. An URL's path is another matter.
func findUser(s *source, from int) (int, int) {
	best, end := -1, -1
	for i := range folders {
		start, stop := s.users[i].from(from, func(from int) (int, int) { return s.userBelow(folders[i], from) })
		if start >= 0 && (best < 0 || start < best) {
			best, end = start, stop
		}
	}
	return best, end
}

// userBelow finds the next name below one of the folders.
func (s *source) userBelow(folder string, from int) (int, int) {
	text := s.text
	for at := from; ; {
		i := strings.Index(text[at:], folder)
		if i < 0 {
			return -1, -1
		}
		i += at
		at = i + len(folder)
		if folder[0] == '\\' && at < len(text) && text[at] == '\\' {
			at++
		}
		if !s.ofThisMachine(i, folder[0]) {
			continue
		}
		if n := userLen(text[at:], folder[0] == '\\'); n > 0 {
			return at, at + n
		}
	}
}

var folders = [...]string{"/home/", "/Users/", `\Users\`, `\users\`}

// ofThisMachine says whether a path that goes on in a folder of users is one of a
// file system; at is where that folder begins.
func (s *source) ofThisMachine(at int, separator byte) bool {
	before := s.text[:at]
	if separator == '\\' {
		return strings.HasSuffix(strings.TrimSuffix(before, `\`), ":")
	}
	i := len(before)
	for i > 0 && pathBytes[before[i-1]] {
		if i == s.path.end {
			i = s.path.start
			break
		}
		i--
	}
	s.path = next{start: i, end: len(before)}
	switch run := before[i:]; {
	case run == "": // the folder is right under the root, a drive or a host
		return true
	case strings.HasPrefix(run, "//"): // a scheme's; only file has no host, or none is given
		return strings.HasSuffix(before[:i], "file:") || run == "//" || run == "//file"
	default:
		return run[0] == '/'
	}
}

// userLen is how long the name is that a text starts with; 0 when there is none
// of a person.
func userLen(s string, windows bool) int {
	n := 0
	for n < len(s) {
		r, size := utf8.DecodeRuneInString(s[n:])
		if r == utf8.RuneError || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && (n == 0 || !strings.ContainsRune("._-", r)) {
			break
		}
		n += size
	}
	if windows { // names may have spaces; then the folder's end tells theirs
		if end := strings.IndexAny(s[:min(len(s), n+maxName+utf8.UTFMax)], "\\/:*?\"<>|\n\t[]"); end > n && end <= maxName && s[end] == '\\' && n > 0 && s[n] == ' ' {
			n = end
		}
	}
	for n > 0 && strings.IndexByte(".-", s[n-1]) >= 0 { // of a sentence
		n--
	}
	for _, name := range nobody {
		if strings.EqualFold(s[:n], name) {
			return 0
		}
	}
	return n
}

const maxName = 40

// nobody are folders beside those of users.
var nobody = [...]string{"Shared", "Public", "Default"}

var pathBytes = setOf(letters + digits + "/._-+~@%")
