package text

import (
	"bytes"
	"regexp"
	"sync"
)

// ansi are the sequences by which programs colour text, move a cursor and set a
// title.
var ansi = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b\n]*(?:\x07|\x1b\\\\)|[()][0-9A-Z]|[=>78cDEHM])")
})

// WithoutColours leaves out of a program's line what only a terminal understands.
func WithoutColours(line []byte) []byte {
	if bytes.IndexByte(line, 0x1b) < 0 {
		return line
	}
	return ansi().ReplaceAll(line, nil)
}
