package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// ExportList is the name of the list that stands beside published files.
const ExportList = "gymline.json"

// A Published is an artifact that trainers get, and the writer that committed it.
type Published struct {
	Artifact
	Blob *BlobWriter
}

// Publish writes artifacts to exports/<name>/<digest>/<artifact name>, as plain
// files for trainers, where <digest> is over the list of artifacts. The list
// itself is written last, as gymline.json: files beside it are complete.
// Publishing again writes the same bytes to the same keys.
//
// The bytes come out of the writers, which hold them encoded until they are
// discarded: nothing is read back from the bucket, nor hashed again.
func (s *Store) Publish(ctx context.Context, name string, files []Published) error {
	if err := checkName("export", name); err != nil {
		return err
	}
	seen := map[string]bool{ExportList: true}
	artifacts := make([]Artifact, len(files))
	for i, f := range files {
		if !fs.ValidPath(f.Name) || seen[f.Name] {
			return fmt.Errorf("publish %s: %q cannot name a file of its own below the export", name, f.Name)
		}
		if f.Digest == "" || f.Digest != f.Blob.digest {
			return fmt.Errorf("publish %s: %s is not what its writer wrote", name, f.Name)
		}
		seen[f.Name], artifacts[i] = true, f.Artifact
	}
	prefix, list, err := ExportOf(name, artifacts)
	if err != nil {
		return err
	}
	err = SideBySide(ctx, len(files), func(i int) error {
		body := files[i].Blob.decoded()
		defer body.free()
		if err := s.bucket.Put(ctx, prefix+files[i].Name, body, files[i].Blob.bytes); err != nil {
			return fmt.Errorf("publish %s: %w", files[i].Name, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.put(ctx, prefix+ExportList, list)
}

// ExportOf returns where artifacts are published, and their list.
func ExportOf(name string, artifacts []Artifact) (prefix string, list []byte, err error) {
	list, err = encode(artifacts)
	return "exports/" + name + "/" + string(DigestOf(list)) + "/", list, err
}

// WholeExport reports whether artifacts are published under that name: their list
// is there as it was written, and beside it each file with the size that the list
// says. Their bytes are not read.
func (s *Store) WholeExport(ctx context.Context, name string, artifacts []Artifact) (bool, error) {
	prefix, want, err := ExportOf(name, artifacts)
	if err != nil {
		return false, err
	}
	whole := make([]bool, len(artifacts)+1)
	err = SideBySide(ctx, len(whole), func(i int) error {
		if i == len(artifacts) {
			list, err := s.ReadObject(ctx, prefix+ExportList)
			whole[i] = bytes.Equal(list, want)
			return present(err)
		}
		size, err := s.bucket.Stat(ctx, prefix+artifacts[i].Name)
		whole[i] = err == nil && size == artifacts[i].Bytes
		return present(err)
	})
	return err == nil && !slices.Contains(whole, false), err
}

// present takes what is not there for no failure.
func present(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// decoded reads what a writer was given, as often as it is rewound. Each has its
// own place in the spool, so that several may read at once.
func (w *BlobWriter) decoded() *decoded { return &decoded{w: w} }

type decoded struct {
	w  *BlobWriter
	zr *zstd.Decoder
}

// Digest implements Digested.
func (d *decoded) Digest() Digest { return d.w.digest }

// Read implements io.Reader. Damage in the spool is seen by its frame's checksum.
func (d *decoded) Read(p []byte) (int, error) {
	if d.zr == nil {
		if _, err := d.Seek(0, io.SeekStart); err != nil {
			return 0, err
		}
	}
	return d.zr.Read(p)
}

// Seek implements io.Seeker, to the start alone.
func (d *decoded) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekStart {
		return 0, errors.New("store: a blob's bytes are read from their start")
	}
	raw, _, err := d.w.spool.open()
	if err != nil {
		return 0, err
	}
	if d.zr == nil {
		d.zr = decoders.Get().(*zstd.Decoder)
	}
	return 0, d.zr.Reset(raw)
}

func (d *decoded) free() {
	if d.zr != nil {
		_ = d.zr.Reset(nil)
		decoders.Put(d.zr)
		d.zr = nil
	}
}
