package trace

import (
	"context"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/fault"
)

// A Folder reads files of a named input.
type Folder interface {
	// List returns the paths of the files right in dir, sorted.
	List(dir string) []string
	// ReadAhead yields each file's bytes, or its error, in the order of paths; an
	// absent file's wraps fs.ErrNotExist.
	ReadAhead(ctx context.Context, paths []string) iter.Seq2[[]byte, error]
}

// splitsFile lies beside ProactiveBench's traces and is none.
const splitsFile = "splits.json"

// BenchmarkFiles returns the paths of the traces right in dir: *.json, in letters of
// any case, without splits.json. A file whose name says that it holds data in a
// form that is not read is refused, not passed over, and so are two of one trace.
func BenchmarkFiles(files Folder, dir string) ([]string, error) {
	var paths []string
	named := map[string]string{}
	for _, p := range files.List(dir) {
		if err := refuseLike(p); err != nil {
			return nil, err
		}
		if !IsTrace(p) {
			continue
		}
		if first, twice := named[FileID(p)]; twice {
			return nil, fault.New(fault.Permanent, fmt.Errorf("%s and %s are files of one trace, %q", first, p, FileID(p)), "keep one of them, or name them apart")
		}
		named[FileID(p)] = p
		paths = append(paths, p)
	}
	return paths, nil
}

// IsTrace reports whether a file of a folder of traces is one by its name.
func IsTrace(p string) bool {
	return strings.EqualFold(path.Ext(p), ".json") && !IsSplits(p)
}

// IsSplits reports whether a file is the one that lies beside traces.
func IsSplits(p string) bool { return strings.EqualFold(path.Base(p), splitsFile) }

// FileID is the name of the trace that a file holds.
func FileID(p string) string {
	name := path.Base(p)
	return name[:len(name)-len(path.Ext(name))]
}

// packed are the endings of compressed files.
var packed = []string{".gz", ".gzip", ".zst", ".zstd", ".xz", ".bz2", ".lz4", ".br", ".zip", ".z"}

// refuseLike refuses a file that looks like data of the kind that is read here, and
// is of a form that is not.
func refuseLike(p string) error {
	name := strings.ToLower(path.Base(p))
	bare := name
	for slices.Contains(packed, path.Ext(bare)) {
		bare = strings.TrimSuffix(bare, path.Ext(bare))
	}
	switch ext := path.Ext(bare); {
	case bare != name && slices.Contains([]string{".json", ".jsonl", ".ndjson"}, ext):
		return fault.New(fault.Permanent, fmt.Errorf("%s is a compressed file, and is not read", p), "unpack it, or move it out of the folder")
	case ext == ".jsonl" || ext == ".ndjson":
		return fault.New(fault.Permanent, fmt.Errorf("%s holds lines of JSON, and a trace here is a file that is one JSON list", p), "write each trace as NAME.json, or move it out of the folder")
	}
	return nil
}
