//go:build unix && !linux

package main

import "syscall"

// trainerAttributes puts a trainer in a group of its own, which is ended as one.
func trainerAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
