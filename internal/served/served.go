// Package served holds what a server says of a model against the checkpoint that it
// should serve. No server tells the digest of the weights that it has loaded, so nothing
// here proves that they are the checkpoint's: it finds what shows that they are not, and
// says what nobody can know. It knows no server and no store.
package served

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

// headBytes is as much as the head of a GGUF file takes beside its tensors, its
// vocabulary above all.
const headBytes = 64 << 20

// Check compares a listing with a checkpoint and its files. Of a server that said nothing
// the listing is nil, and why says what is not known for it.
func Check(model string, said *llm.Listing, why string, c plan.Checkpoint, files []store.TreeFile) *llm.Served {
	s := &llm.Served{Model: model}
	unknown := "whether the weights are those of the checkpoint " + c.Tree.Short()
	if said == nil {
		s.Unknown = []string{why, unknown}
		return s
	}
	i := slices.IndexFunc(said.Models, func(m llm.Listed) bool { return m.ID == model || slices.Contains(m.Aliases, model) })
	switch {
	case i >= 0:
		note(&s.Agrees, "it lists %s", model)
	case len(said.Models) == 1: // many servers answer to any name
		i = 0
		note(&s.Unknown, "it lists %s alone, and not %s", said.Models[0].ID, model)
	default:
		note(&s.Differs, "it lists %s, and not %s", ids(said.Models), model)
	}
	if i >= 0 {
		adapter(s, said.Models[i], c)
	}
	if f := ggufOf(files); f != nil && i >= 0 {
		gguf(s, said.Models[i], said.File, f)
	}
	s.Unknown = append(s.Unknown, unknown)
	return s
}

// adapter looks whether a model is served as an adapter, and of what.
func adapter(s *llm.Served, m llm.Listed, c plan.Checkpoint) {
	lora := c.Kind == "lora"
	switch {
	case lora && m.Parent == "":
		note(&s.Unknown, "whether it is the adapter: it is not listed as one")
	case !lora && m.Parent != "":
		note(&s.Differs, "it is listed as an adapter of %s, and the checkpoint is a whole model", m.Parent)
	case lora && c.Base == "":
		note(&s.Unknown, "whether its base %s is the adapter's, which names none", m.Parent)
	case lora && path.Base(m.Parent) == path.Base(c.Base): // a folder's name, or a hub's
		note(&s.Agrees, "it is listed as an adapter of %s", m.Parent)
	case lora:
		note(&s.Differs, "it is listed as an adapter of %s, and the checkpoint is one of %s", m.Parent, c.Base)
	}
}

// gguf holds the file that is loaded against the checkpoint's.
func gguf(s *llm.Served, m llm.Listed, loaded string, f *store.TreeFile) {
	switch name := path.Base(strings.ReplaceAll(loaded, `\`, "/")); {
	case loaded == "":
	case name == path.Base(f.Path):
		note(&s.Agrees, "it has loaded a file %s", name)
	default:
		note(&s.Unknown, "whether its file %s is %s under another name", name, path.Base(f.Path))
	}
	switch {
	case m.Bytes == 0:
	case m.Bytes > f.Bytes || m.Bytes < f.Bytes-headBytes:
		note(&s.Differs, "its tensors take %s bytes, and the checkpoint's file has %s", text.Count(m.Bytes), text.Count(f.Bytes))
	default:
		note(&s.Agrees, "its tensors take %s bytes, as the checkpoint's may", text.Count(m.Bytes))
	}
}

func note(list *[]string, format string, args ...any) {
	*list = append(*list, fmt.Sprintf(format, args...))
}

func ids(models []llm.Listed) string {
	const most = 4
	var list []string
	for _, m := range models[:min(len(models), most)] {
		list = append(list, m.ID)
	}
	if more := len(models) - most; more > 0 {
		list = append(list, fmt.Sprintf("%d more", more))
	}
	if list == nil {
		return "nothing"
	}
	return strings.Join(list, ", ")
}

// ggufOf is the checkpoint's one file where it has the form of llama.cpp.
func ggufOf(files []store.TreeFile) *store.TreeFile {
	for i := range files {
		if strings.EqualFold(path.Ext(files[i].Path), ".gguf") {
			return &files[i]
		}
	}
	return nil
}
