package input

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/gymline/gymline/internal/store"
)

// DigestOf is the digest of one file, which is read only where dir, the folder of
// memories, does not have it.
func DigestOf(dir, file string, now time.Time) (store.Digest, error) {
	m, name := open(dir, filepath.Dir(file), now), filepath.Base(file)
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return "", err
	}
	d, known := m.Digest(name, before)
	if !known {
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return "", err
		}
		after, err := f.Stat()
		if err != nil {
			return "", err
		}
		d = store.Digest(hex.EncodeToString(h.Sum(nil)))
		m.Keep(name, before, after, d)
	}
	m.save(false)
	return d, nil
}
