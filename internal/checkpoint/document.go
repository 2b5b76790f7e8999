package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/text"
)

// How a document is read by those that need it.
type dialect int

const (
	plain  dialect = iota // JSON as the standard has it
	python                // as Python writes and reads it: with NaN, Infinity and -Infinity
)

// document decodes a JSON file, and adds a problem where it is none.
func (i *inspection) document(name string, kind dialect, into any, do string) bool {
	f := i.open(name, do)
	if f == nil {
		return false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxJSON+1))
	switch {
	case err != nil:
		i.unreadable(name, err)
	case len(data) > maxJSON:
		i.add(name, fmt.Sprintf("it has more than %d bytes", maxJSON), saveAgain)
	default:
		if err := decode(data, kind, into); err != nil {
			i.refuse(name, err, saveAgain)
			return false
		}
		return true
	}
	return false
}

func decode(data []byte, kind dialect, into any) error {
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		return errors.New("it starts with a byte order mark (BOM), which the readers of models refuse")
	}
	if !utf8.Valid(data) {
		return errors.New("it is not UTF-8")
	}
	read := data
	if kind == python {
		read = canonical.FromPython(data, false)
	}
	err := json.Unmarshal(read, into)
	if err == nil {
		return nil
	}
	if kind == plain && json.Unmarshal(canonical.FromPython(data, false), new(any)) == nil {
		return errors.New("it holds NaN or Infinity, which its reader does not know: only Python writes them")
	}
	if begins := strings.TrimSpace(text.ClipBytes(string(data), 60)); begins == "" || begins[0] != '{' {
		return fmt.Errorf("it is not the JSON that was expected: it begins %q", begins)
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok && e.Offset >= int64(len(read)) {
		return errors.New("it is not the JSON that was expected: it is cut short")
	}
	return fmt.Errorf("it is not the JSON that was expected: %w", err)
}
