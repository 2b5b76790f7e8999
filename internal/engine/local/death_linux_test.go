package local

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

func TestChildrenDieWithAKilledEngine(t *testing.T) {
	dir := t.TempDir()
	exe, _ := os.Executable()
	engine := exec.Command(exe)
	engine.Env = []string{"GYMLINE_TEST_ENGINE=" + dir}
	stdout, err := engine.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the engine says %q (%v)", line, err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "a-0-try0"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(data))
	if err != nil {
		t.Fatal(err)
	}
	child, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(child)
	if err := engine.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = engine.Wait()
	// A process's descriptor can be read once the process has ended.
	var ended int
	for ended, err = -1, unix.EINTR; err == unix.EINTR; {
		ended, err = unix.Poll([]unix.PollFd{{Fd: int32(child), Events: unix.POLLIN}}, 10_000)
	}
	if ended != 1 {
		t.Errorf("child %d outlived its engine (%v)", pid, err)
	}
}
