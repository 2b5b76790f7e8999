package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/fault"
)

// mend is the hint where a file is not what it should be.
const mend = "mend the file or fetch it again; nothing was changed"

// An element is one element of a file that is a JSON list.
type element struct {
	line int
	raw  []byte
	// plain tells that plainEntry is what raw holds.
	plain bool
	plainEntry
}

// A plainEntry is an entry of the form that most have.
type plainEntry struct {
	Observation         plainEvent
	Response, Judgement json.RawMessage
}

// readList reads a file that is one JSON list. What is wrong with it is reported as
// file:line, and as the element and its field.
func readList(p string, data []byte) ([]element, error) {
	data, err := plainText(p, 1, data)
	if err != nil {
		return nil, err
	}
	if list, ok := readPlain(data); ok {
		return list, nil
	}
	err = json.Unmarshal(data, new(json.RawMessage))
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, fault.New(fault.Permanent, fmt.Errorf("%s:%d: %w", p, lineOf(data, int(syntax.Offset)), err), mend)
	}
	if start := startOf(data, 0); data[start] != '[' {
		return nil, fault.New(fault.Permanent, fmt.Errorf("%s:%d: want a JSON list of {\"observation\": {\"time\", \"event\"}}, found %s", p, lineOf(data, start+1), found(data)), mend)
	}
	spans, _, flaw := scanJSON(data)
	if flaw != nil {
		return nil, fault.New(fault.Permanent, fmt.Errorf("%s:%d: %s", p, lineOf(data, flaw.offset+1), flaw.message), flaw.fix)
	}
	list := make([]element, len(spans))
	line, counted := 1, 0
	for i, s := range spans {
		from := startOf(data, s.from)
		line, counted = line+bytes.Count(data[counted:from], []byte("\n")), from
		list[i] = element{line: line, raw: data[from:s.to]}
	}
	return list, nil
}

// startOf is where the value after offset begins.
func startOf(data []byte, offset int) int {
	return len(data) - len(bytes.TrimLeft(data[offset:], " \t\r\n"))
}

// lineOf is the line that the first n bytes end in.
func lineOf(data []byte, n int) int {
	if n <= 0 {
		return 1
	}
	return 1 + bytes.Count(bytes.TrimRight(data[:min(n, len(data))], "\n"), []byte("\n"))
}

// fields are an object's, by their exact names: Go's own decoder takes "Event" for
// "event", and other readers do not.
func fields(raw []byte, known ...string) (map[string]json.RawMessage, error) {
	var m map[string]json.RawMessage
	if json.Unmarshal(raw, &m) != nil {
		return nil, fmt.Errorf("want {%s}, found %s", strings.Join(known, ", "), found(raw))
	}
	return m, spelt(m, known...)
}

// spelt refuses null, and a key that is nearly the name of a known field that is not there.
func spelt(m map[string]json.RawMessage, known ...string) error {
	if m == nil {
		return fmt.Errorf("want {%s}, found null", strings.Join(known, ", "))
	}
	for _, name := range known {
		if _, exact := m[name]; exact {
			continue
		}
		var like []string
		for key := range m {
			if strings.EqualFold(key, name) {
				like = append(like, key)
			}
		}
		if len(like) > 0 {
			return fmt.Errorf("%q: write the key as %q", slices.Min(like), name)
		}
	}
	return nil
}

// found names a JSON value for people.
func found(raw []byte) string {
	switch raw = bytes.TrimSpace(raw); {
	case len(raw) == 0:
		return "nothing"
	case raw[0] == '{':
		return "an object"
	case raw[0] == '[':
		return "a list"
	case raw[0] == '"':
		return "a text"
	case raw[0] == 't', raw[0] == 'f', raw[0] == 'n':
		return string(raw)
	}
	return "a number"
}

// A jsonFlaw is what readers of one JSON text would read differently.
type jsonFlaw struct {
	offset       int
	message, fix string
}

type span struct{ from, to int }

// A level is an object or list that is open while JSON is scanned.
type level struct {
	list  bool
	index int
	key   []byte
	keys  [][]byte        // the first of them
	more  map[string]bool // those after
}

// fewKeys are looked through one by one.
const fewKeys = 16

// read are the names of all fields that are read.
var read = [][]byte{
	[]byte("observation"), []byte("time"), []byte("event"), []byte("agent_response"), []byte("judgement"), []byte("accepted"), []byte("reason"),
	[]byte("obs"), []byte("pred_task"), []byte("valid"), []byte("help_needed"), []byte("annotation"),
}

// scanJSON looks for what makes a text of sound syntax ambiguous: a key that is given
// twice, and an escape that is half a character. It returns where the elements of
// the outermost list are, and whether every name that is read is spelt exactly.
func scanJSON(data []byte) (elements []span, exact bool, flaw *jsonFlaw) {
	var open []level
	from, key, exact := 0, false, true
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			if len(open) < cap(open) {
				open = open[:len(open)+1]
			} else {
				open = append(open, level{})
			}
			key = data[i] == '{'
			open[len(open)-1].begin(!key)
			if len(open) == 1 {
				from = i + 1
			}
		case '}', ']':
			if len(open) == 1 && startOf(data[:i], from) < i {
				elements = append(elements, span{from, i})
			}
			open = open[:len(open)-1]
		case ',':
			top := &open[len(open)-1]
			top.index, key = top.index+1, !top.list
			if len(open) == 1 {
				elements, from = append(elements, span{from, i}), i+1
			}
		case ':':
			key = false
		case '"':
			start := i
			escaped := false
			for i++; data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
					escaped = true
				}
			}
			text := data[start : i+1]
			if key {
				top := &open[len(open)-1]
				if !top.take(text, escaped) {
					return nil, false, &jsonFlaw{start, pathOf(open) + " is given twice", "keep one of the two: readers differ in which they take"}
				}
				exact = exact && !nearly(top.key)
			}
			if escaped {
				if half := loneSurrogate(text); half != "" {
					return nil, false, &jsonFlaw{start, fmt.Sprintf("%s: %s is half of a character", pathOf(open), half), "write the character whole, or fetch the file again"}
				}
			}
		}
	}
	return elements, exact, nil
}

// nearly reports whether a key is a name that is read, in other letters.
func nearly(key []byte) bool {
	for _, name := range read {
		if len(key) >= len(name) && bytes.EqualFold(key, name) {
			return !bytes.Equal(key, name)
		}
	}
	return false
}

func (l *level) begin(list bool) { *l = level{list: list, keys: l.keys[:0]} }

// take notes a key, and reports whether it is new.
func (l *level) take(quoted []byte, escaped bool) bool {
	l.key = quoted[1 : len(quoted)-1]
	if escaped {
		var plain string
		_ = json.Unmarshal(quoted, &plain)
		l.key = []byte(plain)
	}
	for _, k := range l.keys {
		if bytes.Equal(k, l.key) {
			return false
		}
	}
	if len(l.keys) < fewKeys {
		l.keys = append(l.keys, l.key)
		return true
	}
	if l.more[string(l.key)] {
		return false
	}
	if l.more == nil {
		l.more = map[string]bool{}
	}
	l.more[string(l.key)] = true
	return true
}

// pathOf names a place: "entry 3: observation.event", or "obs[3].event".
func pathOf(open []level) string {
	var b strings.Builder
	for i, l := range open {
		switch {
		case l.list && i == 0:
			fmt.Fprintf(&b, "entry %d", l.index)
		case l.list:
			fmt.Fprintf(&b, "[%d]", l.index)
		case i == 0:
			b.Write(l.key)
		case i == 1 && open[0].list:
			b.WriteString(": " + string(l.key))
		default:
			b.WriteString("." + string(l.key))
		}
	}
	return b.String()
}

// loneSurrogate finds an escape such as \ud83d without its other half.
func loneSurrogate(quoted []byte) string {
	if !bytes.Contains(quoted, []byte(`\u`)) {
		return ""
	}
	unit := func(i int) uint64 { // of the escape at i; 0 where there is none
		if i+6 > len(quoted) || quoted[i] != '\\' || quoted[i+1] != 'u' {
			return 0
		}
		n, _ := strconv.ParseUint(string(quoted[i+2:i+6]), 16, 16)
		return n
	}
	for i := 0; i < len(quoted); i++ {
		if quoted[i] != '\\' {
			continue
		}
		switch n := unit(i); {
		case n>>10 == 0xD800>>10 && unit(i+6)>>10 == 0xDC00>>10:
			i += 11
		case n>>11 == 0xD800>>11:
			return string(quoted[i : i+6])
		default:
			i++
		}
	}
	return ""
}
