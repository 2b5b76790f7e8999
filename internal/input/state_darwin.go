package input

import (
	"io/fs"
	"syscall"
)

// stateOf returns a file's state; not known where the system does not tell it.
func stateOf(info fs.FileInfo) (s state, known bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return state{}, false
	}
	return state{st.Size, st.Mtimespec.Nano(), st.Ctimespec.Nano(), st.Ino}, true
}
