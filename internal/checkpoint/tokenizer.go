package checkpoint

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

const saveTokenizer = "save the tokenizer into the same folder (tokenizer.save_pretrained)"

// Files of a tokenizer that have all of it.
const (
	fastTokenizer = "tokenizer.json"
	slowTokenizer = "tokenizer.model"
)

// tokenizer checks that a full model has a tokenizer that can be read.
func (i *inspection) tokenizer() {
	if !i.has(slowTokenizer) {
		i.there(fastTokenizer, saveTokenizer)
	}
	i.there(tokenizerFile, saveTokenizer)
}

// beside checks the files that a server reads beside the weights, as far as they
// are there.
func (i *inspection) beside() {
	for _, name := range []string{tokenizerFile, "generation_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "chat_template.json", "preprocessor_config.json"} {
		if i.has(name) && !i.blamed(name) {
			i.document(name, python, new(map[string]json.RawMessage), saveTokenizer)
		}
	}
	for _, name := range []string{"merges.txt", "vocab.txt", "chat_template.jinja"} {
		if i.has(name) && i.there(name, saveTokenizer) {
			if what, do := instead(start(i.fsys, name)); what != "" {
				i.add(name, what, do)
			}
		}
	}
	if i.has(fastTokenizer) && !i.blamed(fastTokenizer) {
		i.fast()
	}
	if i.has(slowTokenizer) {
		i.slow()
	}
}

// blamed reports whether a problem of a file was found already.
func (i *inspection) blamed(name string) bool {
	for _, p := range i.problems {
		if p.File == name {
			return true
		}
	}
	return false
}

// fast checks tokenizer.json, which is read by a strict reader of JSON.
func (i *inspection) fast() {
	var file struct {
		Model map[string]json.RawMessage `json:"model"`
	}
	if !i.document(fastTokenizer, plain, &file, saveTokenizer) {
		return
	}
	if file.Model == nil {
		i.add(fastTokenizer, "it has no model: it is JSON, but no tokenizer", saveTokenizer)
	} else if _, ok := file.Model["vocab"]; !ok {
		i.add(fastTokenizer, "its model has no vocab", saveTokenizer)
	}
}

// slow checks tokenizer.model: SentencePiece's, or lines of base64 and rank.
func (i *inspection) slow() {
	f := i.open(slowTokenizer, saveTokenizer)
	if f == nil {
		return
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxJSON))
	if err == nil {
		if err = pieces(data); err != nil && ranks(data) == nil {
			return
		}
	}
	if err != nil {
		i.refuse(slowTokenizer, err, saveTokenizer)
	}
}

// pieces checks that data is a SentencePiece model: a message of protobuf that is
// whole, and has at least one piece (field 1).
func pieces(data []byte) error {
	broken := errors.New("it is cut short or no SentencePiece model")
	n := 0
	for len(data) > 0 {
		tag, width := binary.Uvarint(data)
		if width <= 0 || tag>>3 == 0 {
			return broken
		}
		data = data[width:]
		size := uint64(0)
		switch tag & 7 {
		case 0:
			_, width = binary.Uvarint(data)
			if width <= 0 {
				return broken
			}
			size = uint64(width)
		case 1:
			size = 8
		case 2:
			length, width := binary.Uvarint(data)
			if width <= 0 {
				return broken
			}
			data, size = data[width:], length
			if tag>>3 == 1 {
				n++
			}
		case 5:
			size = 4
		default:
			return broken
		}
		if size > uint64(len(data)) {
			return broken
		}
		data = data[size:]
	}
	if n == 0 {
		return errors.New("it has no piece: it is no SentencePiece model")
	}
	return nil
}

// ranks checks that data is a list of tokens in base64 with their ranks, as
// tiktoken reads.
func ranks(data []byte) error {
	lines := bufio.NewScanner(bytes.NewReader(data))
	n := 0
	for lines.Scan() {
		token, rank, ok := bytes.Cut(bytes.TrimSpace(lines.Bytes()), []byte(" "))
		if !ok && len(token) == 0 {
			continue
		}
		if _, err := base64.StdEncoding.DecodeString(string(token)); err != nil {
			return err
		}
		if _, err := strconv.ParseUint(string(rank), 10, 32); err != nil {
			return fmt.Errorf("a rank: %w", err)
		}
		n++
	}
	if n == 0 {
		return errors.New("no token")
	}
	return lines.Err()
}
