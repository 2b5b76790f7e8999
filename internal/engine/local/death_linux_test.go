package local

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

func TestChildrenDieWithAKilledEngine(t *testing.T) {
	dir := t.TempDir()
	exe, _ := os.Executable()
	engine := exec.Command(exe)
	engine.Env = []string{"GYMLINE_TEST_ENGINE=" + dir}
	if err := engine.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	for pid == 0 {
		data, _ := os.ReadFile(filepath.Join(dir, "a-0-try0"))
		pid, _ = strconv.Atoi(string(data))
		time.Sleep(5 * time.Millisecond)
	}
	if err := engine.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = engine.Wait()
	for range 1000 {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || bytes.Contains(stat, []byte(") Z ")) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("child %d outlived its engine", pid)
}
