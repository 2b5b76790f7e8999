package secrets

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const envGuarded = "GYMLINE_TEST_GUARDED"

// The test binary is the process that is looked at: it says how it stands, and looks
// at its parent if that is asked.
func TestMain(m *testing.M) {
	if os.Getenv(envGuarded) != "" {
		_, err := os.ReadFile("/proc/" + strconv.Itoa(os.Getppid()) + "/environ")
		open, _ := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
		os.Stdout.WriteString(strconv.Itoa(open) + " " + strconv.FormatBool(err != nil))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A guarded process can start itself again, and what it starts can be looked at but
// cannot look back, unless it is root.
func TestGuard(t *testing.T) {
	if err := Guard(); err != nil {
		t.Fatal(err)
	}
	if open, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || open != 0 {
		t.Errorf("still open: %d, %v", open, err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{envGuarded + "=1"}
	want := "1 true"
	if me, err := user.Current(); err == nil && me.Uid == "0" {
		want = "1 false"
	}
	out, err := cmd.Output()
	if err != nil || strings.TrimSpace(string(out)) != want {
		t.Errorf("%q, %v; want %q", out, err, want)
	}
}
