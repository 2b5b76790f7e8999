package checkpoint

import (
	"bytes"
	"strings"
)

const downloadAgain = "download it again: what a server said was saved in its place"

// instead says what a file that cannot be taken is, by how it begins, and what to
// do; "" where that tells nothing.
func instead(head []byte) (what, do string) {
	for _, f := range formats {
		if bytes.HasPrefix(head, []byte(f.mark)) {
			return f.what, f.do
		}
	}
	words := strings.ToLower(string(bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")))
	for _, mark := range []string{"<!doctype html", "<html", "<head", "<body", "<!--", "<title"} {
		if strings.HasPrefix(words, mark) {
			return "it is a web page (HTML), not the file", downloadAgain
		}
	}
	if strings.HasPrefix(words, "<?xml") || strings.HasPrefix(words, "<error") {
		return "it is a server's message (XML), not the file", downloadAgain
	}
	if len(head) >= 16 && len(bytes.Trim(head, "\x00")) == 0 {
		return "it begins with zeros only: its copy was never finished", uploadAgain
	}
	return "", ""
}

// formats are the marks of files that stand in for others, or under another name.
var formats = []struct{ mark, what, do string }{
	{"version https://git-lfs.github.com/spec/", "it is a Git LFS pointer, not the file", "run git lfs pull where it was cloned, and give that folder"},
	{"version https://hawser.github.com/spec/", "it is a Git LFS pointer, not the file", "run git lfs pull where it was cloned, and give that folder"},
	{"# xet version", "it is a Xet pointer, not the file", "download the file itself (hf download, or git xet pull)"},
	{"/annex/objects/", "it is a git-annex pointer, not the file", "run git annex get where it was cloned, and give that folder"},
	{"PK\x03\x04", "it is a zip archive, such as torch.save writes: a pickle, and loading one runs code", asSafetensors},
	{"\x80\x02", pickled, asSafetensors},
	{"\x80\x03", pickled, asSafetensors},
	{"\x80\x04", pickled, asSafetensors},
	{"\x80\x05", pickled, asSafetensors},
	{"\x89HDF\r\n", "it is HDF5, as Keras writes", asSafetensors},
	{"\x1f\x8b", "it is compressed (gzip)", "unpack it"},
	{"\x28\xb5\x2f\xfd", "it is compressed (zstd)", "unpack it"},
	{"\xff\xfe", "it is text in UTF-16", "save it as UTF-8"},
	{"\xfe\xff", "it is text in UTF-16", "save it as UTF-8"},
}

const (
	pickled       = "it is a pickle, and loading one runs code"
	asSafetensors = "save the weights as safetensors (save_pretrained with safe_serialization=True)"
)
