package trace

import (
	"bytes"
	"strings"
)

var byteOrderMark = []byte("\xef\xbb\xbf")

// plainText is a file, or a line of one, as if it had been written with "\n"
// alone and without a UTF-8 byte order mark, as every importer reads it.
func plainText(data []byte) []byte {
	return bytes.ReplaceAll(bytes.TrimPrefix(data, byteOrderMark), []byte("\r\n"), []byte("\n"))
}

// OneLine puts a text on one line, with single spaces between its words:
// prompts list events, tasks and names one a line.
func OneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
