package folder

import (
	"errors"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// renameNew is claim where there are no hard links, as on FAT and some mounts.
func (b *Bucket) renameNew(from, to string) error {
	source, err := b.root.Open(path.Dir(from))
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := b.root.Open(path.Dir(to))
	if err != nil {
		return err
	}
	defer target.Close()
	err = unix.Renameat2(int(source.Fd()), path.Base(from), int(target.Fd()), path.Base(to), unix.RENAME_NOREPLACE)
	if unsupported(err) {
		return errors.Join(errLinkless, err)
	}
	return err
}

// syncAll makes all that was written to a folder's file system durable, in one wait.
// It tells of bytes that could not be written since Linux 5.8; before, a reader finds
// that they have not their digest.
func syncAll(f *os.File) error { return unix.Syncfs(int(f.Fd())) }
