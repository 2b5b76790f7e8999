package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"github.com/gymline/gymline/internal/store"
)

// failure turns an operation's error into what store.Bucket promises.
func (b *Bucket) failure(ctx context.Context, op, key string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("store: %s %s: %w", op, key, ctx.Err())
	}
	if (op == "get" || op == "stat") && absent(err) {
		return fmt.Errorf("store: %s %s: %w", op, key, store.ErrNotFound)
	}
	if e, ok := errors.AsType[*store.Error](err); ok {
		return e
	}
	kind, fix := b.remedy(op, err)
	return &store.Error{Op: op, Key: key, Kind: kind, Err: err, Fix: fix}
}

func (b *Bucket) remedy(op string, err error) (store.Kind, string) {
	is := func(any ...error) bool {
		return slices.ContainsFunc(any, func(e error) bool { return errors.Is(err, e) })
	}
	switch {
	case is(syscall.ENOSPC, syscall.EDQUOT):
		return store.Transient, fmt.Sprintf("the disk of %s is full or at its quota: free space there and run again; what was committed is kept", b.dir)
	case is(errLinkless):
		return store.Misconfigured, fmt.Sprintf("give a folder on a file system with hard links, such as ext4, XFS, Btrfs, APFS or NFS, in place of %s; or a store on an S3 server", b.dir)
	case is(syscall.EXDEV):
		return store.Misconfigured, fmt.Sprintf("%s and %s in %s have to be on one file system", objects, uploads, b.dir)
	case is(fs.ErrPermission, syscall.EROFS):
		return store.Misconfigured, fmt.Sprintf("give a folder that this user may read and write in place of %s, or mend its permissions", b.dir)
	case op == "open" && is(syscall.ENOTDIR, fs.ErrExist):
		return store.Misconfigured, fmt.Sprintf("give a folder in place of %s", b.dir)
	case is(syscall.EMFILE, syscall.ENFILE):
		return store.Transient, "allow more open files (ulimit -n), or lower the profile's parallelism, and run again"
	case is(syscall.ENOTDIR, syscall.EISDIR, syscall.ENOTEMPTY, syscall.ENAMETOOLONG, syscall.ELOOP, fs.ErrExist):
		return store.Refused, ""
	case is(fs.ErrNotExist, os.ErrClosed, syscall.ESTALE):
		return store.Transient, fmt.Sprintf("leave %s and what is in it in place while it is in use, and run again", b.dir)
	}
	return store.Transient, fmt.Sprintf("look at the disk of %s, and run again", b.dir)
}

// errLinkless is a file system that cannot decide between writers.
var errLinkless = errors.New("this file system has neither hard links nor a rename that replaces nothing")

// linkless reports that a file system has no hard links.
func linkless(err error) bool {
	return errors.Is(err, syscall.EPERM) || unsupported(err)
}

func unsupported(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.ENOSYS)
}
