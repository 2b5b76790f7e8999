package checkpoint

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxHeader bounds a header of safetensors, in bytes; the format's own bound.
const maxHeader = 100_000_000

// readHeader checks the header of a safetensors file of size bytes and returns
// the names of its tensors. The file is: the header's length (8 bytes,
// little-endian), the header (JSON: name → dtype, shape, data_offsets), and the
// data, which the tensors fill to the end.
func readHeader(r io.Reader, size int64) (map[string]bool, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("it is cut short: %d bytes are no safetensors file", size)
	}
	length := binary.LittleEndian.Uint64(head[:])
	if length > maxHeader {
		return nil, fmt.Errorf("it is not a safetensors file: a header of %d bytes, and %d are the most", length, maxHeader)
	}
	data := size - 8 - int64(length)
	if data < 0 {
		return nil, fmt.Errorf("it is cut short: its header has %d bytes, and the file %d", length, size)
	}
	dec := json.NewDecoder(bufio.NewReaderSize(io.LimitReader(r, int64(length)), 64<<10))
	tensors, end, err := readTensors(dec, data)
	if err != nil {
		return nil, err
	}
	if end != data {
		return nil, fmt.Errorf("it is damaged: its tensors end after %d bytes of data, and it has %d", end, data)
	}
	return tensors, nil
}

// readTensors reads the header's object, one tensor at a time, and returns the
// names and where the last tensor ends.
func readTensors(dec *json.Decoder, data int64) (tensors map[string]bool, end int64, err error) {
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, 0, errors.New("its header is not a JSON object")
	}
	tensors = map[string]bool{}
	for dec.More() {
		key, err := dec.Token()
		name, ok := key.(string)
		if err != nil || !ok {
			return nil, 0, badHeader(err)
		}
		if name == "__metadata__" {
			if err := dec.Decode(new(map[string]string)); err != nil {
				return nil, 0, badHeader(err)
			}
			continue
		}
		var tensor struct {
			Type    string  `json:"dtype"`
			Shape   []int64 `json:"shape"`
			Offsets []int64 `json:"data_offsets"`
		}
		if err := dec.Decode(&tensor); err != nil {
			return nil, 0, badHeader(err)
		}
		at := tensor.Offsets
		switch {
		case tensor.Type == "" || tensor.Shape == nil || len(at) != 2 || at[0] < 0 || at[0] > at[1]:
			return nil, 0, fmt.Errorf("its header describes the tensor %q badly", name)
		case at[1] > data:
			return nil, 0, fmt.Errorf("it is cut short: the tensor %q ends after %d bytes of data, and it has %d", name, at[1], data)
		case tensors[name]:
			return nil, 0, fmt.Errorf("its header describes the tensor %q twice", name)
		}
		tensors[name] = true
		end = max(end, at[1])
	}
	if _, err := dec.Token(); err != nil {
		return nil, 0, badHeader(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, 0, errors.New("its header goes on after the JSON object")
	}
	if len(tensors) == 0 {
		return nil, 0, errors.New("it has no tensor")
	}
	return tensors, end, nil
}

func badHeader(err error) error {
	return fmt.Errorf("its header is not the JSON of safetensors: %w", err)
}

// maxKey bounds what is read of a name in a GGUF file, in bytes.
const maxKey = 1 << 10

// readGGUF checks a GGUF file's head and returns the architecture, "" unless it
// is the first thing said, as writers do. The head is: GGUF, the version (4
// bytes), the number of tensors and of pairs (8 each), and the pairs: key, type
// (4 bytes), value; a string is its length (8 bytes) and its bytes.
func readGGUF(r io.Reader) (architecture string, err error) {
	var head struct {
		Magic          [4]byte
		Version        uint32
		Tensors, Pairs uint64
	}
	if err := binary.Read(r, binary.LittleEndian, &head); err != nil {
		return "", errors.New("it is cut short: no GGUF file is that small")
	}
	if string(head.Magic[:]) != "GGUF" {
		return "", errors.New("it is not a GGUF file")
	}
	if head.Tensors == 0 {
		return "", errors.New("it has no tensor")
	}
	key, err := readString(r)
	if err != nil || head.Pairs == 0 || key != "general.architecture" {
		return "", nil
	}
	var kind uint32
	if err := binary.Read(r, binary.LittleEndian, &kind); err != nil || kind != 8 {
		return "", errors.New("it is damaged: its architecture is not a string")
	}
	return readString(r)
}

func readString(r io.Reader) (string, error) {
	var n uint64
	if err := binary.Read(r, binary.LittleEndian, &n); err != nil {
		return "", errors.New("it is cut short, within its head")
	}
	if n > maxKey {
		return "", fmt.Errorf("it is damaged: a name of %d bytes", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return "", errors.New("it is cut short, within its head")
	}
	return string(text), nil
}
