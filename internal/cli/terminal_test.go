package cli

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	pretty "github.com/jedib0t/go-pretty/v6/text"

	"github.com/gymline/gymline/internal/golden"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/progress"
)

func TestMain(m *testing.M) {
	// Widths must not depend on the locale that the tests run under.
	pretty.OverrideRuneWidthEastAsianWidth(false)
	os.Exit(m.Run())
}

// A scene is one moment of a script: wait, then emit.
type scene struct {
	after  time.Duration
	events []progress.Event
}

func state(step string, shard int, state string) progress.Event {
	return progress.Event{Type: progress.StepState, Step: step, Shard: shard, State: state}
}

func counts(step string, shard int, done, total, failed, calls int64) progress.Event {
	return progress.Event{Type: progress.Progress, Step: step, Shard: shard, Done: done, Total: total, Failed: failed,
		Usage:     &llm.Usage{Calls: calls, Prompt: 900 * calls, Completion: 100 * calls, USD: 0.002 * float64(calls)},
		Simulated: calls > 0}
}

// manyFiles is what comes before a run whose inputs are large.
func manyFiles() []scene {
	files := func(kind string, done, total int64) []progress.Event {
		return []progress.Event{{Type: kind, Input: "traces", Done: done, Total: total}}
	}
	return []scene{
		{0, files(progress.InputRead, 0, 40000)},
		{6 * time.Second, files(progress.InputRead, 31250, 40000)},
		{100 * time.Millisecond, files(progress.InputRead, 40000, 40000)},
		{time.Second, files(progress.InputStored, 10, 9000)},
		{time.Second, nil},
	}
}

// script is a run with a reused step, a retry, a failed row and a failed step.
func script() []scene {
	retry := state("predict", 1, progress.Retrying)
	retry.Attempt, retry.ExitCode, retry.Cause = 1, 75, "chat gpt-4o: the provider answered 503\nmore of it"
	failed := state("predict", 1, progress.Failed)
	failed.Attempt, failed.ExitCode = 2, 65
	failed.Cause = "benchmark/code_11.json:40: not a JSON row: unexpected end of JSON input \x1b[2Jhostile"
	failed.Hint = "mend or remove that line; nothing was changed"
	return []scene{
		{0, []progress.Event{{Type: progress.RunOpened, Run: "quickstart-1", Steps: []progress.StepShape{
			{Step: "generate", Shards: 2}, {Step: "reward", Shards: 1}, {Step: "predict", Shards: 2}, {Step: "evaluate", Shards: 1}}}}},
		{150 * time.Millisecond, []progress.Event{state("generate", 0, progress.Reused), state("generate", 1, progress.Reused)}},
		{100 * time.Millisecond, []progress.Event{state("reward", 0, progress.Running)}},
		{100 * time.Millisecond, []progress.Event{counts("reward", 0, 800, 1629, 0, 0)}},
		{1200 * time.Millisecond, []progress.Event{counts("reward", 0, 1629, 1629, 0, 0), state("reward", 0, progress.Succeeded)}},
		{100 * time.Millisecond, []progress.Event{state("predict", 0, progress.Running), state("predict", 1, progress.Running)}},
		{2 * time.Second, []progress.Event{counts("predict", 0, 40, 233, 0, 80)}},
		{4 * time.Second, []progress.Event{counts("predict", 0, 120, 233, 1, 240), counts("predict", 1, 30, 233, 0, 60)}},
		{time.Second, []progress.Event{retry}},
		{time.Second, []progress.Event{state("predict", 1, progress.Running)}},
		{4 * time.Second, []progress.Event{counts("predict", 0, 233, 233, 1, 466), state("predict", 0, progress.Succeeded)}},
		{time.Second, []progress.Event{counts("predict", 1, 40, 233, 0, 80), failed, state("evaluate", 0, progress.Cancelled)}},
		{100 * time.Millisecond, []progress.Event{{Type: progress.RunEnded, Run: "quickstart-1", State: progress.Failed}}},
	}
}

// play runs the script on a fake clock and returns all that was written.
func play(t *testing.T, opts TerminalOptions, scenes []scene) string {
	t.Helper()
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		opts.Now = time.Now
		term := NewTerminal(&out, opts)
		for _, s := range scenes {
			time.Sleep(s.after + time.Millisecond) // never at the same moment as a redraw
			for _, e := range s.events {
				term.Emit(e)
			}
		}
		term.Close()
	})
	return out.String()
}

func columnsOf(n int) func() int { return func() int { return n } }

func TestTerminalGolden(t *testing.T) {
	for name, opts := range map[string]TerminalOptions{
		"live":  {Live: true, Color: true, Width: columnsOf(110)},
		"plain": {},
	} {
		t.Run(name, func(t *testing.T) {
			scenes := append(manyFiles(), script()...)
			if opts.Live { // fewer frames
				for i := range scenes {
					scenes[i].after = min(scenes[i].after, 250*time.Millisecond)
				}
			}
			got := play(t, opts, scenes)
			got = strings.ReplaceAll(got, "\x1b", "␛")
			got = strings.ReplaceAll(got, "\r", "␍")
			golden.Check(t, filepath.Join("testdata", "terminal-"+name+".golden"), []byte(got))
		})
	}
}

var ansi = regexp.MustCompile(`^\x1b\[[0-9?]*[A-Za-z]`)

// screen plays ANSI output on a grid, as a terminal of that width would.
func screen(t *testing.T, out string, width int) []string {
	t.Helper()
	rows, row := []string{""}, 0
	for len(out) > 0 {
		if m := ansi.FindStringIndex(out); m != nil {
			seq := out[:m[1]]
			out = out[m[1]:]
			switch seq[len(seq)-1] {
			case 'A':
				n := 0
				for _, d := range seq[2 : len(seq)-1] {
					n = n*10 + int(d-'0')
				}
				if row -= n; row < 0 {
					t.Fatalf("the cursor went above the first line")
				}
				rows[row] = "" // what follows is written over from column 0
			case 'J':
				rows = rows[:row+1]
				rows[row] = ""
			case 'K', 'm':
			default:
				t.Fatalf("unexpected sequence %q", seq)
			}
			continue
		}
		r, n := utf8.DecodeRuneInString(out)
		out = out[n:]
		switch r {
		case '\r':
		case '\n':
			if row++; row == len(rows) {
				rows = append(rows, "")
			}
			rows[row] = ""
		default:
			if r < ' ' {
				t.Fatalf("control character %q reached the terminal", r)
			}
			rows[row] += string(r)
		}
	}
	for _, line := range rows {
		if w := pretty.StringWidth(line); w > width {
			t.Errorf("a line of %d columns on a terminal of %d: %q", w, width, line)
		}
	}
	return rows
}

func TestLiveLinesFitAndAreRedrawnInPlace(t *testing.T) {
	for _, width := range []int{24, 40, 60, 80, 110, 200} {
		scenes := script()
		scenes[0].events[0].Steps = append(scenes[0].events[0].Steps, progress.StepShape{Step: "评估一个很长的步骤名字", Shards: 1})
		got := screen(t, play(t, TerminalOptions{Live: true, Width: columnsOf(width)}, scenes[:8]), max(width, 60))
		// The run's line, five steps, the calls of one, and the cursor's empty line: nothing was left behind.
		if len(got) != 8 || got[7] != "" {
			t.Errorf("width %d: %d lines on the screen:\n%s", width, len(got), strings.Join(got, "\n"))
			continue
		}
		for _, line := range got[1:7] {
			if w := pretty.StringWidth(line); w >= width {
				t.Errorf("width %d: %q takes %d columns", width, line, w)
			}
		}
		if predict := got[3]; !strings.Contains(predict, "predict") || width >= 40 && !strings.Contains(predict, "150/466 rows") {
			t.Errorf("width %d: the line that matters most lost its rows: %q", width, predict)
		}
	}
}

func TestFailureIsToldInFullAtTheEnd(t *testing.T) {
	for _, live := range []bool{true, false} {
		got := screen(t, play(t, TerminalOptions{Live: live, Width: columnsOf(60)}, script()), 200)
		end := strings.Join(got[len(got)-9:], "\n")
		for _, want := range []string{
			"✗ predict/1 failed (exit 65)", "benchmark/code_11.json:40: not a JSON row:", "→ mend or remove that line; nothing was changed",
			"Failed in 15s", "606 calls", "606.0k tokens", "simulated",
		} {
			if !strings.Contains(end, want) {
				t.Errorf("live %v: no %q in\n%s", live, want, end)
			}
		}
	}
}

func TestRatesBeginAgainAfterARetry(t *testing.T) {
	s := newStepView("predict")
	at := time.Unix(0, 0)
	s.take(state("predict", 0, progress.Running), at)
	s.take(counts("predict", 0, 30, 100, 2, 60), at.Add(3*time.Second))
	s.take(state("predict", 0, progress.Retrying), at.Add(4*time.Second))
	s.take(state("predict", 0, progress.Running), at.Add(5*time.Second))
	s.take(counts("predict", 0, 10, 100, 0, 20), at.Add(6*time.Second))
	s.take(counts("predict", 0, 30, 100, 0, 60), at.Add(8*time.Second))
	rows, calls := s.rates(at.Add(8 * time.Second))
	if rows != 10 || calls != 20 {
		t.Errorf("%v rows/s, %v calls/s since the retry; want 10, 20", rows, calls)
	}
	if left, ok := s.eta(at.Add(8 * time.Second)); !ok || left != 7*time.Second {
		t.Errorf("eta %v %v; want 7s for 70 rows", left, ok)
	}
}

func TestRateForgetsWhatIsOlderThanItsWindow(t *testing.T) {
	s := newStepView("generate")
	at := time.Unix(0, 0)
	s.take(state("generate", 0, progress.Running), at)
	for i := range int64(1000) { // 100 rows a second for 100 s, then 1 a second, told ten times a second
		rows := min(i, 500)*20 + max(i-500, 0)/5
		s.take(counts("generate", 0, rows, 20_000, 0, rows), at.Add(time.Duration(i)*200*time.Millisecond))
	}
	if rows, _ := s.rates(at.Add(200 * time.Second)); rows < 0.9 || rows > 1.1 {
		t.Errorf("%v rows/s over the last ten seconds, want 1", rows)
	}
	if n, m := len(s.recent.samples), len(s.lately.samples); n > 50 || m > 50 {
		t.Errorf("%d and %d samples kept", n, m)
	}
}

// Sessions that began together end together: 64 rows every 40 s. The time left
// follows the mean, not the burst or the silence; and from the first few rows of
// many it is not told at all.
func TestTimeLeftBearsRowsThatEndInBursts(t *testing.T) {
	s := newStepView("generate")
	at := time.Unix(0, 0)
	s.take(state("generate", 0, progress.Running), at)
	const total = 6400
	for i := range 600 {
		now := at.Add(time.Duration(i) * time.Second)
		done := int64(i/40) * 64
		s.take(counts("generate", 0, done, total, 0, 20*int64(i)), now)
		left, ok := s.eta(now)
		if i < 40 && ok {
			t.Fatalf("after %d s and %d rows: %v left", i, done, left)
		}
		want := time.Duration(float64(total-done) / 64 * 40 * float64(time.Second))
		if i > 200 && (!ok || left < want*7/10 || left > want*14/10) {
			t.Fatalf("after %d s and %d rows: %v left (%v), want about %v", i, done, left, ok, want)
		}
	}
	few := newStepView("generate")
	few.take(state("generate", 0, progress.Running), at)
	few.take(counts("generate", 0, 1, 4000, 0, 900), at.Add(time.Minute))
	if left, ok := few.eta(at.Add(time.Minute)); ok {
		t.Errorf("%v left, after the first of 4,000 rows", left)
	}
}

func TestUnknownTotalsAreSaidToBeGuesses(t *testing.T) {
	s := newStepView("generate")
	s.Grow(4)
	s.take(counts("generate", 0, 5, 25, 0, 0), time.Unix(1, 0))
	if got := rowsOf(s.Sum()); got != "5/~100" {
		t.Errorf("rows %q, want 5/~100", got)
	}
}

// What calls do and how they fare stands under the step while it is under way:
// what matters most, where there is no room for all.
func TestCallsOfAStepUnderWay(t *testing.T) {
	e := counts("predict", 0, 150, 400, 1, 700)
	e.InFlight, e.Waiting, e.Errors = 64, 12, &llm.Errors{RateLimited: 20, Timeout: 3, Refused: 1}
	e.Usage.Cached, e.Usage.Replayed = e.Usage.Prompt/2, 30
	scenes := []scene{script()[0], {0, []progress.Event{state("predict", 0, progress.Running)}}, {5 * time.Second, []progress.Event{e}}}
	for width, want := range map[int]string{
		200: "  30 rows/s · 64 in flight · 12 waiting for limits · 23 retried (20 rate-limited, 3 timed out), 1 refused · 30 replayed · 630.0k prompt (50% cached) · 70.0k completion",
		80:  "  30 rows/s · 64 in flight · 12 waiting for limits · 23 retried · 30 replayed",
		50:  "  30 rows/s · 64 in flight · 12 waiting",
		30:  "  30 rows/s · 64 in flight",
	} {
		got := screen(t, play(t, TerminalOptions{Live: true, Width: columnsOf(width)}, scenes), max(width, 60))
		if len(got) != 7 || got[4] != want {
			t.Errorf("width %d:\n%s\nwant under predict\n%s", width, strings.Join(got, "\n"), want)
		}
	}
	plain := play(t, TerminalOptions{}, append(scenes, scene{6 * time.Second, nil}))
	if want := "predict: running, 150/~800 rows, 1 failed, 25 rows/s, 117 calls/s, 700.0k tokens (50% cached), $1.40, 64 in flight, 12 waiting for limits, 23 retried (20 rate-limited, 3 timed out), 1 refused, 30 replayed, ETA"; !strings.Contains(plain, want) {
		t.Errorf("plain:\n%s\nwant\n%s", plain, want)
	}
}

// A log shows that a step is alive also while nothing comes from it: it backs
// off, or its process is far away.
func TestALogIsNeverSilentForLong(t *testing.T) {
	retry := state("predict", 0, progress.Retrying)
	got := play(t, TerminalOptions{}, append(script()[:1:1], scene{0, []progress.Event{state("predict", 0, progress.Running), retry}}, scene{61 * time.Second, nil}))
	if n := strings.Count(got, "\npredict: retrying, for "); n < 10 || n > 13 {
		t.Errorf("%d lines in a minute:\n%s", n, got)
	}
}

func TestTerminalIsSafeForConcurrentUse(t *testing.T) {
	var out bytes.Buffer
	term := NewTerminal(&out, TerminalOptions{Live: true, Color: true, Now: time.Now})
	var wg sync.WaitGroup
	for shard := range 16 {
		wg.Go(func() {
			term.Emit(state("generate", shard, progress.Running))
			for i := range int64(100) {
				term.Emit(counts("generate", shard, i+1, 100, 0, i))
			}
			if _, err := term.Write([]byte("a log line")); err != nil {
				t.Error(err)
			}
			term.Emit(state("generate", shard, progress.Succeeded))
		})
	}
	wg.Wait()
	term.Emit(progress.Event{Type: progress.RunEnded, State: progress.Succeeded})
	term.Close()
	term.Close()
	got := screen(t, out.String(), 120)
	if all := strings.Join(got, "\n"); !strings.Contains(all, "1,600/1,600 rows") || strings.Count(all, "a log line") != 16 {
		t.Errorf("on the screen:\n%s", all)
	}
}

func TestNumbersForPeople(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0.0s", 420 * time.Millisecond: "0.4s", 9960 * time.Millisecond: "10s", 59600 * time.Millisecond: "1m00s",
		185 * time.Second: "3m05s", 59*time.Minute + 59600*time.Millisecond: "1h00m", 134 * time.Minute: "2h14m",
	} {
		if got := duration(d); got != want {
			t.Errorf("duration(%v) = %s, want %s", d, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1.0k", 999_949: "999.9k", 999_960: "1.0M", 3_400_000: "3.4M"} {
		if got := tokens(llm.Usage{Prompt: n}); got != want {
			t.Errorf("tokens(%d) = %s, want %s", n, got, want)
		}
	}
}

// A step of a thousand shards, some of which tell of themselves.
func BenchmarkTerminalEmit(b *testing.B) {
	term := NewTerminal(io.Discard, TerminalOptions{Live: true, Color: true, Now: time.Now})
	defer term.Close()
	term.Emit(progress.Event{Type: progress.RunOpened, Run: "r-1", Steps: []progress.StepShape{{Step: "generate", Shards: 1000}}})
	for i := range 64 {
		term.Emit(state("generate", i, progress.Running))
	}
	n := int64(0)
	for b.Loop() {
		n++
		term.Emit(counts("generate", int(n%64), n/64, n, 0, n))
	}
}

// TestUnreadFilesAreListedOnce: in a line that has an end, and is clean.
func TestUnreadFilesAreListedOnce(t *testing.T) {
	for want, files := range map[string][]string{
		"input s: no step reads LICENSE, b/notes.txt\n":     {"LICENSE", "b/notes.txt"},
		"input s: no step reads a, b, c, d, e and 2 more\n": {"a", "b", "c", "d", "e", "f", "g"},
	} {
		if got := unreadLine(progress.Event{Type: progress.InputUnread, Input: "s", Files: files}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := unreadLine(progress.Event{Input: "s", Files: []string{"a\x1b[2Jb"}}); strings.Contains(got, "\x1b") {
		t.Errorf("%q", got)
	}
}
