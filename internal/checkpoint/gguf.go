package checkpoint

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// gguf checks a model in the form of llama.cpp: one file that has everything.
func (i *inspection) gguf(files []string) Facts {
	facts := Facts{Kind: Full}
	if len(files) > 1 {
		i.add(files[0], fmt.Sprintf("it is one of %d GGUF files", len(files)), "give a folder with one: merge the splits (llama-gguf-split --merge), and choose one quantisation")
		return facts
	}
	f := i.open(files[0], uploadAgain)
	if f == nil {
		return facts
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		i.unreadable(files[0], err)
		return facts
	}
	if facts.Architecture, err = readGGUF(f, uint64(info.Size())); err != nil {
		i.refuse(files[0], err, uploadAgain)
	}
	return facts
}

// maxKey bounds a name in a GGUF file, in bytes.
const maxKey = 1 << 16

var errCut = errors.New("it is cut short, within its head")

// readGGUF checks a GGUF file's head and returns the architecture, "" where it
// says none. The head is: GGUF, the version (4 bytes), the number of tensors and
// of pairs (8 each); the pairs: key, type (4 bytes), value; and the tensors: name,
// number of dimensions (4 bytes), those (8 each), type (4) and place (8) in the
// data, which follow at the next multiple of the alignment.
func readGGUF(r io.Reader, size uint64) (architecture string, err error) {
	var head struct {
		Magic          [4]byte
		Version        uint32
		Tensors, Pairs uint64
	}
	if err := binary.Read(r, binary.LittleEndian, &head); err != nil {
		return "", errors.New("it is cut short: no GGUF file is that small")
	}
	switch {
	case string(head.Magic[:]) != "GGUF":
		return "", errors.New("it is not a GGUF file")
	case head.Version != 2 && head.Version != 3:
		return "", fmt.Errorf("its version is %d, and 2 and 3 can be read", head.Version)
	case head.Tensors == 0:
		return "", errors.New("it has no tensor")
	}
	g := &ggufReader{r: bufio.NewReaderSize(r, 64<<10), at: 24}
	alignment := uint64(32)
	for range head.Pairs {
		key := g.text()
		switch kind := g.number(4); {
		case key == "general.architecture" && kind == ggufText:
			architecture = g.text()
		case key == "general.alignment" && kind == 4:
			alignment = g.number(4)
		default:
			g.value(kind, 0)
		}
		if g.err != nil {
			return "", g.err
		}
	}
	if alignment == 0 || alignment&(alignment-1) != 0 {
		return "", fmt.Errorf("it is damaged: an alignment of %d bytes", alignment)
	}
	end := uint64(0) // of the data that the tensors need
	for range head.Tensors {
		end = max(end, g.tensor())
		if g.err != nil {
			return "", g.err
		}
	}
	start := (g.at + alignment - 1) &^ (alignment - 1)
	if start > size || end > size-start {
		return "", fmt.Errorf("it is cut short: its tensors need %d bytes, and the file has %d", start+end, size)
	}
	return architecture, nil
}

// A ggufReader reads a head and remembers where it is, and the first thing that
// was wrong.
type ggufReader struct {
	r   *bufio.Reader
	at  uint64
	err error
}

// number reads a number of that many bytes.
func (g *ggufReader) number(bytes int) uint64 {
	var b [8]byte
	if g.err == nil {
		if _, err := io.ReadFull(g.r, b[:bytes]); err != nil {
			g.err = errCut
		}
		g.at += uint64(bytes)
	}
	return binary.LittleEndian.Uint64(b[:])
}

func (g *ggufReader) text() string {
	n := g.number(8)
	if g.err == nil && n > maxKey {
		g.err = fmt.Errorf("it is damaged: a name of %d bytes", n)
	}
	if g.err != nil {
		return ""
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(g.r, text); err != nil {
		g.err = errCut
	}
	g.at += n
	return string(text)
}

func (g *ggufReader) skip(n uint64) {
	for n > 0 && g.err == nil {
		step := min(n, 1<<30)
		if _, err := g.r.Discard(int(step)); err != nil {
			g.err = errCut
		}
		g.at, n = g.at+step, n-step
	}
}

// The types of values that have no size of their own.
const ggufText, ggufList = 8, 9

// ggufSizes are those of the other types, in bytes.
var ggufSizes = map[uint64]uint64{0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

// value passes over a value.
func (g *ggufReader) value(kind uint64, depth int) {
	size, sized := ggufSizes[kind]
	switch {
	case g.err != nil:
	case sized:
		g.skip(size)
	case kind == ggufText:
		g.skip(g.number(8))
	case kind == ggufList && depth < 4:
		of, n := g.number(4), g.number(8)
		if size, sized := ggufSizes[of]; sized {
			high, bytes := bits.Mul64(size, n)
			if high != 0 {
				g.err = errCut
			}
			g.skip(bytes)
			return
		}
		for range n {
			if g.value(of, depth+1); g.err != nil {
				return
			}
		}
	default:
		g.err = fmt.Errorf("it is damaged: a value of type %d", kind)
	}
}

// tensor reads what is said of a tensor, and returns where its data ends.
func (g *ggufReader) tensor() uint64 {
	name := g.text()
	dimensions := g.number(4)
	if g.err == nil && dimensions > 8 {
		g.err = fmt.Errorf("it is damaged: the tensor %q has %d dimensions", name, dimensions)
	}
	elements, high := uint64(1), uint64(0)
	for i := uint64(0); i < dimensions && g.err == nil; i++ {
		n := g.number(8)
		if g.err == nil && n == 0 {
			g.err = fmt.Errorf("the tensor %q is empty", name)
		}
		if high, elements = bits.Mul64(elements, n); high != 0 || elements > 1<<56 {
			g.err = fmt.Errorf("it is damaged: the tensor %q has a size beyond all bounds", name)
		}
	}
	block := ggufBlocks[g.number(4)]
	from := g.number(8)
	if g.err != nil || block.elements == 0 { // of a type that came later: only its start is known
		return from
	}
	end, carry := bits.Add64(from, (elements+block.elements-1)/block.elements*block.bytes, 0)
	if carry != 0 {
		g.err = fmt.Errorf("it is damaged: the tensor %q is placed beyond all bounds", name)
	}
	return end
}

// ggufBlocks are how many elements of each type are kept in how many bytes.
var ggufBlocks = map[uint64]struct{ elements, bytes uint64 }{
	0: {1, 4}, 1: {1, 2}, 24: {1, 1}, 25: {1, 2}, 26: {1, 4}, 27: {1, 8}, 28: {1, 8}, 30: {1, 2}, // F32 F16 I8…I64 F64 BF16
	2: {32, 18}, 3: {32, 20}, 6: {32, 22}, 7: {32, 24}, 8: {32, 34}, 9: {32, 36}, // Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q8_1
	10: {256, 84}, 11: {256, 110}, 12: {256, 144}, 13: {256, 176}, 14: {256, 210}, 15: {256, 292}, // Q2_K…Q8_K
	16: {256, 66}, 17: {256, 74}, 18: {256, 98}, 19: {256, 50}, 20: {32, 18}, // IQ2_XXS IQ2_XS IQ3_XXS IQ1_S IQ4_NL
	21: {256, 110}, 22: {256, 82}, 23: {256, 136}, 29: {256, 56}, // IQ3_S IQ2_S IQ4_XS IQ1_M
	34: {256, 54}, 35: {256, 66}, 39: {32, 17}, // TQ1_0 TQ2_0 MXFP4
}
