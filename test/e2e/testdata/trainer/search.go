//go:build e2e

package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// search looks for a key wherever a program of this container could: in every
// process's environment and command line, and in every file of every mount. First it
// hides the key in both, to see that it would find it.
func search(key string) error {
	if len(key) < 8 {
		return fmt.Errorf("%q is no key to look for", key)
	}
	decoy := exec.Command(os.Args[0], "decoy")
	decoy.Env = []string{"DECOY=" + key}
	hidden := filepath.Join(os.Getenv("GYMLINE_CHECKPOINT"), "decoy")
	if err := decoy.Start(); err != nil {
		return err
	}
	err := os.WriteFile(hidden, []byte("here: "+key), 0o600)
	first, looked := found(key)
	_ = decoy.Process.Kill()
	_ = decoy.Wait()
	if err != nil || !slices.Contains(first, fmt.Sprintf("/proc/%d/environ", decoy.Process.Pid)) || !slices.Contains(first, hidden) {
		return fmt.Errorf("the search does not find what is hidden: %q, %v", first, err)
	}
	if err := os.Remove(hidden); err != nil {
		return err
	}
	again, _ := found(key)
	if len(again) > 0 {
		return fmt.Errorf("the store's key is in %q", again)
	}
	fmt.Fprintf(os.Stderr, "searched %s\n", looked)
	return nil
}

// found names what holds a key, and says what was looked at.
func found(key string) (in []string, looked string) {
	processes, closed, files := 0, 0, 0
	look := func(path string) bool {
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(key)) {
			in = append(in, path)
		}
		return err == nil
	}
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		processes++
		look(folder + "/cmdline")
		for _, name := range []string{"/environ", "/task/" + filepath.Base(folder) + "/environ"} {
			if !look(folder+name) && name == "/environ" {
				closed++
			}
		}
		// What another process has as its root, its mounts and open files.
		for _, way := range []string{"/root", "/cwd", "/fd"} {
			if links, err := os.ReadDir(folder + way); err == nil && way == "/fd" {
				for _, link := range links {
					if info, err := os.Stat(folder + way + "/" + link.Name()); err == nil && info.Mode().IsRegular() {
						look(folder + way + "/" + link.Name())
					}
				}
			}
		}
	}
	_ = filepath.WalkDir("/", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (path == "/proc" || path == "/sys" || path == "/dev/mqueue") {
			return filepath.SkipDir
		}
		if err == nil && d.Type().IsRegular() {
			files++
			look(path)
		}
		return nil
	})
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	var own []string
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 4 && !strings.HasPrefix(fields[4], "/proc") && !strings.HasPrefix(fields[4], "/sys") {
			own = append(own, fields[4])
		}
	}
	return in, fmt.Sprintf("%d processes, %d of them closed, %d files; mounts: %s", processes, closed, files, strings.Join(own, " "))
}

// backwards spells e-y-k.
func backwards(s string) string {
	letters := strings.Split(s, "-")
	slices.Reverse(letters)
	return strings.Join(letters, "")
}
