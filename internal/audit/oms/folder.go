package oms

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// A Difference is a file that is not as a bundle says.
type Difference struct{ Path, Expected, Found string }

// Folder holds a folder's files against a bundle, which lies among them as sig or elsewhere.
// Each difference is told; the error is that the folder cannot be read.
func (b *Bundle) Folder(ctx context.Context, fsys fs.FS, sig string) (list []Difference, err error) {
	want := map[string]string{}
	for _, r := range b.Statement.Predicate.Resources {
		want[r.Name] = r.Digest
	}
	left := append(slices.Clone(unsigned), sig)
	for _, p := range b.Statement.Predicate.Serialization.IgnorePaths {
		if p = path.Clean(p); p != "." {
			left = append(left, p)
		}
	}
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if ignored(name, left) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		digest, there := want[name]
		delete(want, name)
		switch {
		case d.IsDir():
			if there {
				list = append(list, Difference{name, "sha256 " + digest, "a folder"})
			}
		case !d.Type().IsRegular():
			list = append(list, Difference{name, "a file", "a link, or another thing that is no file"})
		case !there:
			list = append(list, Difference{name, "nothing", "a file that is not signed"})
		default:
			got, err := hashed(fsys, name)
			if err != nil {
				return err
			}
			if got != digest {
				list = append(list, Difference{name, "sha256 " + digest, "sha256 " + got})
			}
		}
		return nil
	})
	for name, digest := range want {
		if !ignored(name, left) {
			list = append(list, Difference{name, "sha256 " + digest, "nothing"})
			continue
		}
		list = append(list, Difference{name, "sha256 " + digest, "a name that the bundle leaves out"})
	}
	slices.SortFunc(list, func(a, b Difference) int { return strings.Compare(a.Path, b.Path) })
	return list, err
}

func hashed(fsys fs.FS, name string) (string, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
