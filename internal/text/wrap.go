package text

import (
	"strings"
	"unicode/utf8"
)

// Wrap breaks a text into lines of at most width letters, between words where it can;
// lines that it has stay apart.
func Wrap(s string, width int) (lines []string) {
	for line := range strings.SplitSeq(strings.TrimRight(s, "\n"), "\n") {
		for utf8.RuneCountInString(line) > width {
			cut := after(line, width)
			at := strings.LastIndexByte(line[:cut+1], ' ')
			if at <= 0 {
				at = cut
			}
			lines = append(lines, strings.TrimRight(line[:at], " "))
			line = strings.TrimLeft(line[at:], " ")
		}
		lines = append(lines, line)
	}
	return lines
}

// after is where the letter stands that comes after so many.
func after(s string, letters int) int {
	for i := range s {
		if letters == 0 {
			return i
		}
		letters--
	}
	return len(s)
}
