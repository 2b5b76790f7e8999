package canonical

import (
	"bytes"
	"fmt"
)

// FromPython makes JSON of what Python writes in its place: NaN and Infinity become
// null. Control characters within texts, which Python refuses itself, are escaped if
// controls is set.
func FromPython(data []byte, controls bool) []byte {
	if !controls && !bytes.Contains(data, []byte("NaN")) && !bytes.Contains(data, []byte("Infinity")) {
		return data
	}
	out := make([]byte, 0, len(data)+64)
	quoted := false
	for i := 0; i < len(data); i++ {
		c := data[i]
		switch {
		case quoted && c == '\\' && i+1 < len(data):
			out = append(out, c)
			i++
			c = data[i]
		case c == '"':
			quoted = !quoted
		case quoted && controls && c < ' ':
			out = fmt.Appendf(out, `\u%04x`, c)
			continue
		case !quoted:
			if n := constant(data[i:]); n > 0 {
				out = append(out, "null"...)
				i += n - 1
				continue
			}
		}
		out = append(out, c)
	}
	return out
}

// constant is how long the constant is that data starts with, or 0.
func constant(data []byte) int {
	for _, word := range []string{"NaN", "Infinity", "-Infinity"} {
		if bytes.HasPrefix(data, []byte(word)) {
			return len(word)
		}
	}
	return 0
}
