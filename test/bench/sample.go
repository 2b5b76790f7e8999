package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A sample is the generating process at one moment.
type sample struct {
	at    time.Duration // since the start
	calls int64
	cpu   time.Duration // user and system
	rss   int64         // peak so far, in bytes
}

type samples []sample

// steady is the rate between a third and three quarters of the time: sessions
// start together at the beginning, and run out together at the end.
func (s samples) steady() Rate {
	first, last := s[0].at, s[len(s)-1].at
	from, to := s.after(first+(last-first)/3), s.after(first+(last-first)*3/4)
	calls := float64(to.calls - from.calls)
	return Rate{CallsPerSecond: calls / (to.at - from.at).Seconds(), CPUMicros: float64((to.cpu - from.cpu).Microseconds()) / calls}
}

func (s samples) after(at time.Duration) sample {
	for _, one := range s {
		if one.at >= at {
			return one
		}
	}
	return s[len(s)-1]
}

// generator finds the child of gymline run that generates.
func generator(parent int) int {
	stats, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range stats {
		line, _ := os.ReadFile(path)
		if !bytes.HasPrefix(line, []byte("gymline\x00job\x00generate\x00")) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if f := stat(pid); len(f) > 1 && f[1] == fmt.Sprint(parent) {
			return pid
		}
	}
	return 0
}

// process returns a process's CPU time and peak resident memory; zeros when it is gone.
func process(pid int) (cpu time.Duration, rss int64) {
	f := stat(pid)
	if len(f) < 13 {
		return 0, 0
	}
	user, _ := strconv.ParseInt(f[11], 10, 64)
	system, _ := strconv.ParseInt(f[12], 10, 64)
	const tick = 10 * time.Millisecond // USER_HZ is 100 on all of Linux
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			rss = kb << 10
		}
	}
	return time.Duration(user+system) * tick, rss
}

// stat returns the fields of /proc/PID/stat after the name, from the state on.
func stat(pid int) []string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, ok := strings.Cut(string(data), ") ")
	if !ok {
		return nil
	}
	return strings.Fields(rest)
}
