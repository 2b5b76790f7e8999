package trace

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/gymline/gymline/internal/fault"
)

var byteOrderMark = []byte("\xef\xbb\xbf")

// plainText is a file, or a line of one, as if it had been written with "\n"
// alone and without a UTF-8 byte order mark, as every importer reads it. What is not
// UTF-8 is refused with file, line and column: decoders would put U+FFFD for it, and
// the text would be another one without a word. line is that of the first byte.
func plainText(p string, line int, data []byte) ([]byte, error) {
	if what, fix := otherThanText(data); line == 1 && what != "" {
		return nil, fault.New(fault.Permanent, fmt.Errorf("%s:1:1: the file is %s, and want text in UTF-8", p, what), fix)
	}
	if !utf8.Valid(data) {
		bad := 0
		for r, n := utf8.DecodeRune(data); r != utf8.RuneError || n != 1; r, n = utf8.DecodeRune(data[bad:]) {
			bad += n
		}
		column := utf8.RuneCount(data[bytes.LastIndexByte(data[:bad], '\n')+1:bad]) + 1
		return nil, fault.New(fault.Permanent, fmt.Errorf("%s:%d:%d: the byte 0x%02X is not UTF-8 text", p, line+bytes.Count(data[:bad], []byte("\n")), column, data[bad]),
			"save the file in the encoding UTF-8; nothing was changed")
	}
	if data = bytes.TrimPrefix(data, byteOrderMark); bytes.Contains(data, []byte("\r\n")) {
		data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	}
	return data, nil
}

// starts are what files begin with that are taken for text by their names.
var starts = []struct{ with, what, fix string }{
	{"\x1f\x8b", "compressed by gzip", "unpack it"},
	{"\x28\xb5\x2f\xfd", "compressed by zstd", "unpack it"},
	{"\xfd7zXZ\x00", "compressed by xz", "unpack it"},
	{"BZh", "compressed by bzip2", "unpack it"},
	{"\x04\x22\x4d\x18", "compressed by lz4", "unpack it"},
	{"PK\x03\x04", "a zip archive", "unpack it"},
	{"\xff\xfe", "UTF-16", "save it in the encoding UTF-8"},
	{"\xfe\xff", "UTF-16", "save it in the encoding UTF-8"},
	{"\x00\x00\xfe\xff", "UTF-32", "save it in the encoding UTF-8"},
}

// otherThanText tells what a file is by how it starts, when that is no text.
func otherThanText(data []byte) (what, fix string) {
	for _, s := range starts {
		if bytes.HasPrefix(data, []byte(s.with)) {
			return s.what, s.fix
		}
	}
	if bytes.IndexByte(data[:min(4, len(data))], 0) >= 0 {
		return "binary, or UTF-16 without a mark", "save it in the encoding UTF-8"
	}
	return "", ""
}

// OneLine puts a text on one line, with single spaces between its words:
// prompts list events, tasks and names one a line.
func OneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
