package checkpoint

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/gymline/gymline/internal/text"
)

// maxHeader bounds a header of safetensors, in bytes; the format's own bound.
const maxHeader = 100_000_000

// A tensor is what a header says of one: where its bytes are among the data.
type tensor struct {
	name     string
	from, to uint64
}

// readHeader checks the header of a safetensors file of size bytes by all rules
// of the format, and returns the names of its tensors. The file is: the header's
// length (8 bytes, little-endian), the header (JSON: name → dtype, shape,
// data_offsets), and the data, which the tensors fill without hole or overlap.
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
	header := make([]byte, length)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, fmt.Errorf("its header cannot be read: %w", err)
	}
	if !utf8.Valid(header) {
		return nil, errors.New("its header is not UTF-8")
	}
	tensors, err := readTensors(json.NewDecoder(bytes.NewReader(header)), uint64(data))
	if err != nil {
		return nil, err
	}
	return fill(tensors, uint64(data))
}

// fill checks that tensors fill the data, from the first byte to the last, and
// returns their names.
func fill(tensors []tensor, data uint64) (map[string]bool, error) {
	slices.SortStableFunc(tensors, func(a, b tensor) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
	names, end := map[string]bool{}, uint64(0)
	for _, t := range tensors {
		switch {
		case t.from > end:
			return nil, fmt.Errorf("it is damaged: %d bytes before the tensor %q belong to none", t.from-end, t.name)
		case t.from < end:
			return nil, fmt.Errorf("it is damaged: the tensor %q overlaps the one before", t.name)
		}
		names[t.name], end = true, t.to
	}
	if end != data {
		return nil, fmt.Errorf("it is damaged: its tensors end after %d bytes of data, and it has %d", end, data)
	}
	return names, nil
}

// readTensors reads the header's object, one tensor at a time.
func readTensors(dec *json.Decoder, data uint64) ([]tensor, error) {
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("its header is not a JSON object")
	}
	var tensors []tensor
	seen, empty := map[string]bool{}, emptyTensors{}
	for dec.More() {
		key, err := dec.Token()
		name, ok := key.(string)
		if err != nil || !ok {
			return nil, badHeader(err)
		}
		if seen[name] {
			return nil, fmt.Errorf("its header describes the tensor %q twice", name)
		}
		seen[name] = true
		if name == "__metadata__" {
			if err := readMetadata(dec); err != nil {
				return nil, err
			}
			continue
		}
		d, err := describe(dec, name)
		if err != nil {
			return nil, err
		}
		t, err := d.tensor(name, data)
		if err != nil {
			return nil, err
		}
		if slices.Contains(d.shape, 0) {
			empty.add(name, d.shape)
		}
		tensors = append(tensors, t)
	}
	if _, err := dec.Token(); err != nil {
		return nil, badHeader(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("its header goes on after the JSON object")
	}
	if len(tensors) == 0 {
		return nil, errors.New("it has no tensor")
	}
	if empty.n > 0 {
		empty.of = len(tensors)
		return nil, empty
	}
	return tensors, nil
}

// readMetadata passes over the metadata: texts by name.
func readMetadata(dec *json.Decoder) error {
	var values map[string]*string
	if err := dec.Decode(&values); err != nil {
		return badHeader(err)
	}
	for name, value := range values {
		if value == nil {
			return fmt.Errorf("its header's metadata %q is not a text", name)
		}
	}
	return nil
}

// A description is one entry of a header.
type description struct {
	dtype          string
	shape, offsets []uint64
}

// describe reads one entry. Its names are taken literally and once.
func describe(dec *json.Decoder, name string) (description, error) {
	var d description
	bad := fmt.Errorf("its header describes the tensor %q badly", name)
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return d, bad
	}
	seen := map[string]bool{}
	for dec.More() {
		key, err := dec.Token()
		field, ok := key.(string)
		if err != nil || !ok {
			return d, badHeader(err)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return d, badHeader(err)
		}
		switch field {
		case "dtype":
			err = json.Unmarshal(value, &d.dtype)
		case "shape":
			d.shape, err = counts(value)
		case "data_offsets":
			d.offsets, err = counts(value)
		default:
			continue
		}
		if err != nil || seen[field] {
			return d, bad
		}
		seen[field] = true
	}
	if _, err := dec.Token(); err != nil {
		return d, badHeader(err)
	}
	if d.dtype == "" || d.shape == nil || len(d.offsets) != 2 || d.offsets[0] > d.offsets[1] {
		return d, bad
	}
	return d, nil
}

// counts reads a list of whole numbers from 0, as they are written: 1.0 and "1" are none.
func counts(value json.RawMessage) ([]uint64, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(value, &items); err != nil {
		return nil, err
	}
	if items == nil { // null
		return nil, nil
	}
	list := make([]uint64, len(items))
	for i, item := range items {
		n, err := strconv.ParseUint(string(item), 10, 64)
		if err != nil {
			return nil, err
		}
		list[i] = n
	}
	return list, nil
}

// tensor checks that a tensor has the bytes that its shape and type need.
func (d description) tensor(name string, data uint64) (tensor, error) {
	width := widths[d.dtype]
	if width == 0 {
		return tensor{}, fmt.Errorf("the tensor %q has the type %q, which safetensors does not have", name, d.dtype)
	}
	from, to := d.offsets[0], d.offsets[1]
	if to > data {
		return tensor{}, fmt.Errorf("it is cut short: the tensor %q ends after %d bytes of data, and it has %d", name, to, data)
	}
	needs := width
	for _, n := range d.shape {
		high, low := bits.Mul64(needs, n)
		if high != 0 {
			return tensor{}, fmt.Errorf("the tensor %q has a shape %v beyond all bounds", name, d.shape)
		}
		needs = low
	}
	if needs%8 != 0 {
		return tensor{}, fmt.Errorf("the tensor %q of shape %v and type %s ends within a byte", name, d.shape, d.dtype)
	}
	if needs /= 8; needs != to-from {
		return tensor{}, fmt.Errorf("the tensor %q has %s bytes, and its shape %v of type %s needs %s",
			name, text.Count(int64(to-from)), d.shape, d.dtype, text.Count(int64(needs)))
	}
	return tensor{name: name, from: from, to: to}, nil
}

// widths are the bits of an element of each type.
var widths = map[string]uint64{
	"BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32, "U64": 64, "I64": 64,
	"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
	"F16": 16, "BF16": 16, "F32": 32, "F64": 64, "C64": 64,
}

// emptyTensors say that tensors of a file hold nothing. The format allows it; a
// model with such weights is none.
type emptyTensors struct {
	n, of int
	first string
	shape []uint64
}

func (e *emptyTensors) add(name string, shape []uint64) {
	if e.n++; e.n == 1 {
		e.first, e.shape = name, shape
	}
}

func (e emptyTensors) Error() string {
	return fmt.Sprintf("%d of its %s hold no weights: the first, %q, is empty (shape %v)",
		e.n, text.Plural(e.of, "tensor"), e.first, e.shape)
}

func badHeader(err error) error {
	return fmt.Errorf("its header is not the JSON of safetensors: %w", err)
}
