package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// readPlain reads a list whose entries have the form that most have, in one pass:
// well-formed text, no key twice, and each name that is read spelt exactly. ok is
// false where it is not of that form: then others have to say what is wrong with it, if
// anything is.
func readPlain(data []byte) (list []element, ok bool) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(data))
	if t, err := dec.ReadToken(); err != nil || t.Kind() != '[' {
		return nil, false
	}
	line, counted := 1, 0
	for dec.PeekKind() == '{' {
		from := len(data) - len(bytes.TrimLeft(data[dec.InputOffset():], ", \t\r\n"))
		line, counted = line+bytes.Count(data[counted:from], []byte("\n")), from
		e := element{line: line, plain: true}
		if !e.read(dec) {
			return nil, false
		}
		e.raw = data[from:dec.InputOffset()]
		list = append(list, e)
	}
	if t, err := dec.ReadToken(); err != nil || t.Kind() != ']' {
		return nil, false
	}
	_, err := dec.ReadToken()
	return list, errors.Is(err, io.EOF)
}

func (p *plainEntry) read(dec *jsontext.Decoder) bool {
	return members(dec, func(name []byte) bool {
		switch string(name) {
		case "observation":
			return p.Observation.read(dec)
		case "agent_response":
			return value(dec, &p.Response)
		case "judgement":
			return value(dec, &p.Judgement)
		}
		return !nearly(name) && dec.SkipValue() == nil
	})
}

func (p *plainEvent) read(dec *jsontext.Decoder) bool {
	return members(dec, func(name []byte) bool {
		switch string(name) {
		case "time":
			v, err := dec.ReadValue()
			return err == nil && p.Time.UnmarshalJSON(v) == nil
		case "event":
			t, err := dec.ReadToken()
			if err != nil || t.Kind() != '"' {
				return false
			}
			p.Text = t.String()
			return true
		}
		return !nearly(name) && dec.SkipValue() == nil
	})
}

// members reads an object: fn is called with each name, which it must not keep, and
// reads the value.
func members(dec *jsontext.Decoder, fn func(name []byte) bool) bool {
	if t, err := dec.ReadToken(); err != nil || t.Kind() != '{' {
		return false
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadValue()
		if err != nil || bytes.IndexByte(name, '\\') >= 0 || !fn(name[1:len(name)-1]) {
			return false
		}
	}
	t, err := dec.ReadToken()
	return err == nil && t.Kind() == '}'
}

func value(dec *jsontext.Decoder, to *json.RawMessage) bool {
	v, err := dec.ReadValue()
	*to = json.RawMessage(v.Clone())
	return err == nil
}
