//go:build unix && !linux

package local

import "syscall"

// processAttributes puts a child in a group of its own, so that a terminal's
// Ctrl-C reaches it only through the engine.
func processAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
