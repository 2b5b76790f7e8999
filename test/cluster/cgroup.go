//go:build e2e && linux

package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	cgroupMount  = "/sys/fs/cgroup"
	cgroupPrefix = "gymline-e2e-"
	// daemonsGroup holds one daemon, so that a living cluster's groups cannot be removed by another run.
	daemonsGroup = "daemons"
)

// makeCgroups makes the cluster's root group in every hierarchy, after removing what dead runs have left.
func (c *Cluster) makeCgroups(context.Context) error {
	old, err := filepath.Glob(filepath.Join(cgroupMount, "*", cgroupPrefix+"*"))
	if err != nil {
		return fmt.Errorf("listing cgroups: %w", err)
	}
	for _, dir := range old {
		// Busy means that another run is alive.
		name := filepath.Base(dir)
		if err := os.Remove(filepath.Join(cgroupMount, "pids", name, daemonsGroup)); err == nil || errors.Is(err, fs.ErrNotExist) {
			_ = removeCgroup(name)
		}
	}
	all := hierarchies()
	if !slices.Contains(all, filepath.Join(cgroupMount, "pids")) {
		return fmt.Errorf("making the cgroup: %s has no version 1 pids hierarchy, which this cluster needs", cgroupMount)
	}
	for _, h := range all {
		dir := filepath.Join(h, c.cgroup)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return fmt.Errorf("making the cgroup: %w", err)
		}
		// A version 1 cpuset starts empty and admits no process until it is filled.
		for _, name := range []string{"cpuset.mems", "cpuset.cpus"} {
			value, err := os.ReadFile(filepath.Join(h, name))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, name), value, 0o644)
			}
			if err != nil {
				return fmt.Errorf("filling the cgroup's cpuset: %w", err)
			}
		}
	}
	return nil
}

// hierarchies lists the mounts of the version 1 controllers and, on a hybrid machine, that of version 2.
func hierarchies() []string {
	procs, _ := filepath.Glob(filepath.Join(cgroupMount, "*", "cgroup.procs"))
	var dirs []string
	for _, path := range procs {
		dir := filepath.Dir(path)
		// A controller's second name is a link to its mount.
		if info, err := os.Lstat(dir); err == nil && info.IsDir() {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

func (c *Cluster) markCgroup(pid int) error {
	dir := filepath.Join(cgroupMount, "pids", c.cgroup, daemonsGroup)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("marking the cgroup: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644); err != nil {
		return fmt.Errorf("marking the cgroup: %w", err)
	}
	return nil
}

// killContainers kills every process in the cluster's group until none is left.
func (c *Cluster) killContainers() error {
	return killAll("containers", func() (pids []int, err error) {
		root := filepath.Join(cgroupMount, "pids", c.cgroup)
		err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || err == nil && e.Name() != "cgroup.procs" {
				return nil
			}
			text, err := os.ReadFile(path)
			for _, f := range strings.Fields(string(text)) {
				if pid, err := strconv.Atoi(f); err == nil && pid > 1 {
					pids = append(pids, pid)
				}
			}
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
				return nil
			}
			return err
		})
		return pids, err
	})
}

// killShims kills the containers' keepers, which are children of process 1 and name our runtime's socket.
func (c *Cluster) killShims() error {
	return killAll("shims", func() (pids []int, err error) {
		lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, path := range lines {
			args, _ := os.ReadFile(path)
			name, _, _ := bytes.Cut(args, []byte{0})
			if strings.Contains(string(name), "containerd-shim") && bytes.Contains(args, []byte(c.path("c.sock"))) {
				pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
				pids = append(pids, pid)
			}
		}
		return pids, err
	})
}

func killAll(what string, list func() ([]int, error)) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		pids, err := list()
		if err != nil {
			return fmt.Errorf("ending %s: %w", what, err)
		}
		if len(pids) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("ending %s: processes %v outlived SIGKILL", what, pids)
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// removeCgroup removes a group and its children from every hierarchy; a group that is gone is fine.
func removeCgroup(name string) error {
	var errs []error
	for _, h := range hierarchies() {
		var dirs []string
		_ = filepath.WalkDir(filepath.Join(h, name), func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		for _, dir := range slices.Backward(dirs) {
			errs = append(errs, rmdir(dir))
		}
	}
	return errors.Join(errs...)
}

// rmdir retries for a second, since a killed process leaves its group a little later than it dies.
func rmdir(dir string) error {
	for try := 0; ; try++ {
		err := syscall.Rmdir(dir)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if !errors.Is(err, syscall.EBUSY) || try == 20 {
			return fmt.Errorf("removing cgroup %s: %w", dir, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
