package child

import (
	"bytes"
	"sync"
)

// maxLine bounds what is held of one line, in bytes.
const maxLine = 1 << 20

// lines cuts a stream into lines. A bar that redraws itself ends its lines with
// a carriage return.
type lines struct {
	one  *sync.Mutex // held while tell is called
	tell func(line []byte)
	part []byte
	bare bool // the part goes on where a line was told already
}

func (l *lines) Write(p []byte) (int, error) {
	for rest := p; ; {
		i := bytes.IndexAny(rest, "\r\n")
		if i < 0 {
			if l.part = append(l.part, rest...); len(l.part) >= maxLine {
				l.pass(true)
				l.bare = true
			}
			return len(p), nil
		}
		l.part = append(l.part, rest[:i]...)
		redrawn := rest[i] == '\r'
		l.pass(redrawn || l.bare)
		rest, l.bare = rest[i+1:], redrawn
	}
}

// pass tells the part as a line; quiet passes an empty one over.
func (l *lines) pass(quiet bool) {
	line := bytes.TrimRight(l.part, " \t")
	l.part = nil
	if len(line) == 0 && quiet {
		return
	}
	l.one.Lock()
	defer l.one.Unlock()
	l.tell(append(line, '\n'))
}

// flush tells the last line, if it has no end.
func (l *lines) flush() { l.pass(true) }
