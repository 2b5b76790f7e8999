package local

import "syscall"

// processAttributes puts a child in a group of its own, so that a terminal's
// Ctrl-C reaches it only through the engine, and has the kernel end it when the
// engine dies without a word.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
