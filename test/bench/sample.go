package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A sample is a run at one moment.
type sample struct {
	at    time.Duration // since the start
	calls int64
	cpu   time.Duration // user and system, of all of its processes
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

// treeTime is the processor time of a process, of its children, and of those that
// it waited for.
func treeTime(pid int) time.Duration {
	total := 0
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		f := stat(path)
		own := path == fmt.Sprintf("/proc/%d/stat", pid)
		if len(f) < 15 || !own && f[1] != strconv.Itoa(pid) {
			continue
		}
		for _, ticks := range f[11:15] { // utime, stime, cutime, cstime
			n, _ := strconv.Atoi(ticks)
			total += n
		}
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on all of Linux
	return time.Duration(total) * tick
}

// stat returns the fields of /proc/PID/stat after the name, from the state on.
func stat(path string) []string {
	data, _ := os.ReadFile(path)
	_, rest, ok := strings.Cut(string(data), ") ")
	if !ok {
		return nil
	}
	return strings.Fields(rest)
}
