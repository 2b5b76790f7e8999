package embedded

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gymline/gymline/internal/store"
)

// acquire takes the folder for this process, until the file is closed or the
// process ends in any way. The file holds the holder's process id.
func acquire(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, unusable(name, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, &store.Error{Op: "open", Key: name, Kind: store.Misconfigured, Err: fmt.Errorf("lock: %w", err),
				Fix: "give a folder on a file system that can lock files"}
		}
		holder := "another process"
		if pid, err := os.ReadFile(name); err == nil && len(pid) > 0 {
			holder = "process " + strings.TrimSpace(string(pid))
		}
		return nil, &store.Error{Op: "open", Key: name, Kind: store.Transient, Err: fmt.Errorf("%s is using this store", holder),
			Fix: "wait until it ends, or give this run a folder of its own"}
	}
	if err := errors.Join(f.Truncate(0), write(f)); err != nil {
		f.Close()
		return nil, unusable(name, err)
	}
	return f, nil
}

func write(f *os.File) error {
	_, err := fmt.Fprintln(f, os.Getpid())
	return err
}
