package store

import (
	"bytes"
	"io"
	"os"
)

// spoolLimit is how many bytes a spool holds in memory before a temporary file
// takes over.
const spoolLimit = 4 << 20

// A spool holds bytes until they are complete and may be uploaded: in memory
// while small, then in an unnamed file.
type spool struct {
	buf  bytes.Buffer
	file *os.File
}

func (s *spool) Write(p []byte) (n int, err error) {
	if s.file == nil && s.buf.Len()+len(p) <= spoolLimit {
		return s.buf.Write(p)
	}
	if s.file == nil {
		err = s.spill()
	}
	if err == nil {
		n, err = s.file.Write(p)
	}
	if err != nil {
		return n, spoolError(err)
	}
	return n, nil
}

func (s *spool) spill() error {
	f, err := os.CreateTemp("", "gymline-blob-*")
	if err != nil {
		return err
	}
	os.Remove(f.Name()) // the open handle keeps it; nothing is left behind by a crash
	s.file = f
	if _, err := f.Write(s.buf.Bytes()); err != nil {
		return err
	}
	s.buf = bytes.Buffer{}
	return nil
}

// open returns a reader of what was written so far, and its size.
func (s *spool) open() (io.ReadSeeker, int64, error) {
	if s.file == nil {
		return bytes.NewReader(s.buf.Bytes()), int64(s.buf.Len()), nil
	}
	info, err := s.file.Stat()
	if err != nil {
		return nil, 0, spoolError(err)
	}
	return io.NewSectionReader(s.file, 0, info.Size()), info.Size(), nil
}

func (s *spool) free() {
	s.buf = bytes.Buffer{}
	if s.file != nil {
		s.file.Close()
		s.file = nil
	}
}

func spoolError(err error) error {
	return &Error{Op: "spool", Key: os.TempDir(), Kind: Transient, Err: err,
		Fix: "free space in the temporary directory, or point TMPDIR at a larger disk, and run again"}
}
