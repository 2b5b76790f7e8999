// Package tools tests the scripts beside it.
package tools

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A vulnerability that is called is a failure, a database that cannot be reached is
// none, whether it was away from the start or went away; what else fails is told.
func TestVulnerabilities(t *testing.T) {
	for name, c := range map[string]struct {
		asked []int // how the database answers, one time after the other
		scan  int   // how the scan ends
		code  int
		says  string
	}{
		"none":           {[]int{0}, 0, 0, "none that is called"},
		"one":            {[]int{0}, 3, 3, "take the fixed versions"},
		"no database":    {[]int{1}, 0, 0, "not run: file:///db cannot be reached: no such host"},
		"it goes away":   {[]int{0, 1}, 1, 0, "not run: file:///db cannot be reached: no such host"},
		"no such module": {[]int{0, 0}, 1, 1, "no such module"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for i, code := range c.asked {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprint("asked", i+1)), []byte(fmt.Sprint(code)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			fake := filepath.Join(dir, "govulncheck")
			script := fmt.Sprintf(`#!/bin/sh
[ "$1 $2" = "-db file:///db" ] || exit 99
if [ "$3" = -mode ]; then
	echo >>%[1]s/times
	code=$(cat %[1]s/asked$(wc -l <%[1]s/times | tr -d ' '))
	[ "$code" = 0 ] || echo 'no such host' >&2
	exit "$code"
fi
[ %[2]d != 1 ] || echo 'no such module' >&2
exit %[2]d
`, dir, c.scan)
			if err := os.WriteFile(fake, []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("./vulnerabilities.sh", fake)
			cmd.Env = append(os.Environ(), "GOVULNDB=file:///db")
			out, err := cmd.CombinedOutput()
			code := 0
			if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
				code = exit.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if code != c.code || !strings.Contains(string(out), c.says) {
				t.Errorf("code %d, want %d: %s", code, c.code, out)
			}
		})
	}
}
