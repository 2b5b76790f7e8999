package ledger

import (
	"encoding/binary"
	"encoding/json"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/llm"
)

// canonicalRequest returns what canonical.JSON does, at a tenth of its cost:
// every call pays it, and histories are long. FuzzCanonicalRequest holds the two
// together.
func canonicalRequest(req *llm.Request) ([]byte, error) {
	size := 64
	for _, m := range req.Messages {
		size += len(m.Content) + len(m.Content)/16 + 48
	}
	out := make([]byte, 0, size)
	if req.Messages == nil {
		out = append(out, `{"messages":null`...)
	} else {
		out = append(out, `{"messages":[`...)
		for i, m := range req.Messages {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendString(append(out, `{"content":`...), m.Content)
			out = appendString(append(out, `,"role":`...), m.Role)
			out = append(out, '}')
		}
		out = append(out, ']')
	}
	if req.Replicate != 0 {
		out = strconv.AppendInt(append(out, `,"replicate":`...), int64(req.Replicate), 10)
	}
	if req.Schema != nil {
		schema, err := canonicalSchema(req.Schema.Schema)
		if err != nil {
			return nil, err
		}
		out = appendString(append(out, `,"schema":{"name":`...), req.Schema.Name)
		out = append(append(append(out, `,"schema":`...), schema...), '}')
	}
	if req.Seed != 0 {
		out = strconv.AppendUint(append(out, `,"seed":`...), req.Seed, 10)
	}
	return append(out, '}'), nil
}

// schemas remembers canonical schemas by their text: a run has a handful, and
// asks with them all the time.
var schemas struct {
	sync.RWMutex
	canon map[string][]byte
}

// maxSchemas bounds what is remembered; more are only slower.
const maxSchemas = 64

func canonicalSchema(schema []byte) ([]byte, error) {
	schemas.RLock()
	canon, ok := schemas.canon[string(schema)]
	schemas.RUnlock()
	if ok {
		return canon, nil
	}
	canon, err := canonical.JSON(json.RawMessage(schema))
	if err != nil {
		return nil, err
	}
	schemas.Lock()
	defer schemas.Unlock()
	if schemas.canon == nil || len(schemas.canon) >= maxSchemas {
		schemas.canon = map[string][]byte{}
	}
	schemas.canon[string(schema)] = canon
	return canon, nil
}

// plain reports whether none of eight bytes needs an escape or begins a
// character of more than one byte: each is tested in its own eight bits.
func plain(x uint64) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	quote, slash := x^(ones*'"'), x^(ones*'\\')
	return (x|(x-ones*' ')|(quote-ones)|(slash-ones))&tops == 0
}

// appendString appends a string as RFC 8785 writes it; a byte that is not UTF-8
// becomes U+FFFD, as it does when the request is sent.
func appendString(out []byte, s string) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	done := 0
	for i := 0; i < len(s); {
		for i+8 <= len(s) && plain(binary.LittleEndian.Uint64([]byte(s[i:i+8]))) {
			i += 8
		}
		if i == len(s) {
			break
		}
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				out = append(append(out, s[done:i]...), "\uFFFD"...)
				done = i + 1
			}
			i += size
			continue
		}
		if c < ' ' || c == '"' || c == '\\' {
			out = append(out, s[done:i]...)
			done = i + 1
			switch c {
			case '"', '\\':
				out = append(out, '\\', c)
			case '\b':
				out = append(out, `\b`...)
			case '\f':
				out = append(out, `\f`...)
			case '\n':
				out = append(out, `\n`...)
			case '\r':
				out = append(out, `\r`...)
			case '\t':
				out = append(out, `\t`...)
			default:
				out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
		}
		i++
	}
	return append(append(out, s[done:]...), '"')
}
