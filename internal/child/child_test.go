package child

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shell runs a script and returns what it said on both streams.
func shell(t *testing.T, ctx context.Context, script string, edit func(*Command)) (end End, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	c := Command{
		Path: "sh", Args: []string{"sh", "-c", script}, Env: []string{"PATH=" + os.Getenv("PATH"), "A=b"}, Grace: 300 * time.Millisecond,
		Stdout: func(line []byte) { out.Write(line) }, Stderr: func(line []byte) { errs.Write(line) },
	}
	if edit != nil {
		edit(&c)
	}
	end, err := Run(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	return end, out.String(), errs.String()
}

func TestHowAChildEnds(t *testing.T) {
	for script, want := range map[string]End{
		"true":                         {},
		"exit 75":                      {Code: 75},
		"echo a >&2; echo b >&2":       {Last: "b"},
		"printf 'why \n\n' >&2; false": {Code: 1, Last: "why"},
		"kill -9 $$":                   {Signal: "SIGKILL"},
		"echo 'panic: at the disco' >&2; echo 'goroutine 1' >&2; exit 2":   {Code: 2, Last: "goroutine 1", crash: "panic: at the disco"},
		"echo 'fatal error: all asleep' >&2; echo 'panic: no' >&2; exit 2": {Code: 2, Last: "panic: no", crash: "fatal error: all asleep"},
	} {
		end, _, _ := shell(t, t.Context(), script, nil)
		if end != want || end.OK() != (want.Code == 0 && want.Signal == "") {
			t.Errorf("%s: %+v", script, end)
		}
	}
	if w := (End{Last: "x", crash: "panic: y"}).Words(); w != "panic: y" {
		t.Error(w)
	}
	if w := (End{}).Words(); w != "it said nothing" {
		t.Error(w)
	}
	if _, err := Run(t.Context(), Command{Path: "no-such-program", Args: []string{"x"}}); err == nil {
		t.Error("a program that is not there was started")
	}
}

func TestStreamsAreKeptApartAndWhole(t *testing.T) {
	_, out, errs := shell(t, t.Context(), `echo "A=$A" HOME=$HOME; echo why >&2; printf 'half'; sleep 0.02; printf ' whole\nlast'`, nil)
	if out != "A=b HOME=\nhalf whole\nlast\n" || errs != "why\n" {
		t.Errorf("%q %q", out, errs)
	}
}

// What a child is given to read reaches it whole, whatever its size, and one that
// does not read it ends all the same.
func TestStdin(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 1<<14)
	for script, want := range map[string]string{"wc -c": strconv.Itoa(len(text)), "head -c 3": "012", "exec <&-; echo done": "done", "echo done": "done"} {
		end, out, _ := shell(t, t.Context(), script, func(c *Command) { c.Stdin = []byte(text) })
		if !end.OK() || strings.TrimSpace(out) != want {
			t.Errorf("%s: %+v, %q", script, end, out)
		}
	}
	if _, out, _ := shell(t, t.Context(), "wc -c", nil); strings.TrimSpace(out) != "0" {
		t.Errorf("without any it reads %q", out)
	}
}

// linesOf cuts a text that arrives in pieces.
func linesOf(text string, size int) (got []string) {
	l := &lines{one: new(sync.Mutex), tell: func(line []byte) { got = append(got, strings.TrimSuffix(string(line), "\n")) }}
	for piece := range slices.Chunk([]byte(text), size) {
		_, _ = l.Write(piece)
	}
	l.flush()
	return got
}

// However the bytes arrive, the lines are the same.
func TestLines(t *testing.T) {
	for text, want := range map[string][]string{
		"a\nb":                         {"a", "b"},
		"a\r\nb\r\n":                   {"a", "b"},
		"a\n\n\nb\n":                   {"a", "", "", "b"},
		"\r 10%\r 20%   \r100%\nend\n": {" 10%", " 20%", "100%", "end"},
		"\r\r\n \t\r":                  nil,
	} {
		for size := 1; size <= len(text); size++ {
			if got := linesOf(text, size); !slices.Equal(got, want) {
				t.Errorf("%q in pieces of %d: %q", text, size, got)
			}
		}
	}
}

// A line without an end is told in parts, and fills no memory.
func TestALongLine(t *testing.T) {
	text := strings.Repeat("x", 3*maxLine)
	got := linesOf(text+"\nnext", 4096)
	if len(got) != 4 || len(got[0]) != maxLine || strings.Join(got, "") != text+"next" || got[3] != "next" {
		t.Errorf("%d lines, the first of %d bytes", len(got), len(got[0]))
	}
}

// A child that is asked to leave may say goodbye; one that stays is killed, with
// all that it started where its group is asked.
func TestCancel(t *testing.T) {
	for name, c := range map[string]struct {
		script, says, signal string
		group                bool
	}{
		"leaves":           {`trap 'echo goodbye; exit 3' TERM; echo $$ > PIDS; while :; do sleep 0.01; done`, "goodbye\n", "", false},
		"stays":            {`trap '' TERM; echo $$ > PIDS; while :; do sleep 0.01; done`, "", "SIGKILL", false},
		"its group leaves": {`sleep 60 & echo $! $$ > PIDS; wait`, "", "SIGTERM", true},
		"its group stays":  {`trap '' TERM; (trap '' TERM; sleep 60) & echo $! $$ > PIDS; while :; do sleep 0.01; done`, "", "SIGKILL", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			pids := filepath.Join(t.TempDir(), "pids")
			go func() {
				defer cancel()
				for range 2000 {
					if data, _ := os.ReadFile(pids); strings.HasSuffix(string(data), "\n") {
						return
					}
					time.Sleep(5 * time.Millisecond)
				}
			}()
			end, out, _ := shell(t, ctx, strings.Replace(c.script, "PIDS", pids, 1), func(cmd *Command) { cmd.Group = c.group })
			if end.Signal != c.signal || out != c.says || c.signal == "" && end.Code != 3 {
				t.Errorf("%+v, %q", end, out)
			}
			data, _ := os.ReadFile(pids)
			for _, field := range strings.Fields(string(data)) {
				pid, _ := strconv.Atoi(field)
				if !gone(pid) {
					t.Errorf("process %d is still there", pid)
				}
			}
		})
	}
}

// What a child of a group leaves running when it ends is ended, too.
func TestNothingOfAGroupIsLeft(t *testing.T) {
	end, out, _ := shell(t, t.Context(), `sleep 60 >/dev/null 2>&1 & echo $!`, func(c *Command) { c.Group = true })
	pid, err := strconv.Atoi(strings.TrimSpace(out))
	if !end.OK() || err != nil || !gone(pid) {
		t.Errorf("%+v, %q", end, out)
	}
}

// gone reports whether a process ends within some seconds, be it that nobody has
// asked for its end yet.
func gone(pid int) bool {
	for range 1000 {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if syscall.Kill(pid, 0) != nil || err == nil && strings.Contains(string(stat), ") Z ") {
			return true
		}
		time.Sleep(5 * time.Millisecond)
	}
	return false
}
