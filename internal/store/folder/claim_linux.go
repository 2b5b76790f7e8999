package folder

import (
	"errors"
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
