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
			head := string([]rune(line)[:width+1])
			at := strings.LastIndexByte(head, ' ')
			if at <= 0 {
				at = len(string([]rune(line)[:width]))
			}
			lines = append(lines, strings.TrimRight(line[:at], " "))
			line = strings.TrimLeft(line[at:], " ")
		}
		lines = append(lines, line)
	}
	return lines
}
