package main

import "syscall"

// trainerAttributes puts a trainer in a group of its own, which is ended as one,
// and has the kernel end it when the job dies without a word.
func trainerAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
