package cli

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	pretty "github.com/jedib0t/go-pretty/v6/text"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/text"
)

const (
	redrawEvery = 100 * time.Millisecond // of the live lines
	reportEvery = 5 * time.Second        // of each step's line while it is under way, when not live
)

// TerminalOptions say what the terminal can do.
type TerminalOptions struct {
	// Width returns the columns of a line now; nil, or a width below 1, means 80.
	Width func() int
	// Color allows ANSI colours, and Live lines that are redrawn in place.
	Color bool
	Live  bool
	// Now is the clock that rates, durations and estimates are read from.
	Now func() time.Time
}

// A Terminal prints a run's events for people: live, one line a step that is
// redrawn in place, and one more of its calls while it is under way; otherwise a
// line for each change of state, and every few seconds one for each step under
// way, also when nothing comes from it. It is safe for concurrent use.
type Terminal struct {
	opts TerminalOptions
	stop chan struct{}
	once sync.Once // closes stop
	done sync.WaitGroup

	mu       sync.Mutex
	w        io.Writer
	steps    []*stepView
	opened   time.Time
	input    *inputView // nil but before the run is opened
	failures []progress.Event
	drawn    []string // the live lines now on the screen
	over     bool     // the run ended or the terminal was closed
}

// NewTerminal returns a printer to w. Close ends it.
func NewTerminal(w io.Writer, opts TerminalOptions) *Terminal {
	t := &Terminal{w: w, opts: opts, opened: opts.Now(), stop: make(chan struct{})}
	if opts.Live {
		t.done.Go(func() { t.repeat(redrawEvery, func() { t.print("") }) })
	} else {
		t.done.Go(func() { t.repeat(time.Second, t.report) })
	}
	return t
}

// repeat tells how the run stands every so often, so that no burst of events can
// flood a terminal, and none is needed to see that the run is alive.
func (t *Terminal) repeat(every time.Duration, tell func()) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-t.stop:
			return
		case <-tick.C:
			t.mu.Lock()
			if !t.over {
				tell()
			}
			t.mu.Unlock()
		}
	}
}

// report prints a line for each step under way of which none was printed lately.
func (t *Terminal) report() {
	now := t.opts.Now()
	if t.input != nil && now.Sub(t.input.reported) >= reportEvery {
		t.input.reported = now
		t.print(t.input.plainLine(now))
	}
	for _, s := range t.steps {
		if state := s.State(); state != "" && !progress.Over(state) && now.Sub(s.reported) >= reportEvery {
			s.reported = now
			t.print(t.plainLine(s, now))
		}
	}
}

// Emit takes an event of the run.
func (t *Terminal) Emit(e progress.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return
	}
	now := t.opts.Now()
	switch e.Type {
	case progress.InputRead, progress.InputStored:
		t.input = t.input.take(e, now)
	case progress.InputUnread:
		t.print(unreadLine(e))
	case progress.RunOpened:
		t.input = nil
		for _, s := range e.Steps {
			t.step(s.Step).Grow(s.Shards)
		}
		said := fmt.Sprintf("Run %s: %s", text.Line(e.Run), text.Plural(len(e.Steps), "step"))
		if e.AsOf != "" {
			said += fmt.Sprintf(", with the models of %s asked anew, as of %s", strings.Join(e.Anew, ", "), text.Line(e.AsOf))
		}
		t.print(said + "\n")
	case progress.StepState:
		t.changed(t.step(e.Step), e, now)
	case progress.Progress:
		t.step(e.Step).take(e, now)
	case progress.RunEnded:
		t.finish(e.State, now)
	}
}

// changed takes a shard's change of state.
func (t *Terminal) changed(s *stepView, e progress.Event, now time.Time) {
	before := s.State()
	s.take(e, now)
	after, said := s.State(), ""
	name := s.shardName(e.Shard)
	switch e.State {
	case progress.Retrying:
		said = fmt.Sprintf("%s: retrying%s\n", name, because(e))
	case progress.Failed:
		t.failures = append(t.failures, e)
		if !t.opts.Live {
			said = fmt.Sprintf("%s: failed%s\n", name, because(e))
		}
	default:
		if !t.opts.Live && after != before && after != "" {
			s.reported = now
			said = t.plainLine(s, now)
		}
	}
	if said != "" {
		t.print(said)
	}
}

// finish prints the last state of every step, the failures in full, and one
// line about the whole run.
func (t *Terminal) finish(state string, now time.Time) {
	var b strings.Builder
	for _, e := range t.failures {
		b.WriteString(t.failure(e))
	}
	parts := []string{fmt.Sprintf("%s in %s", t.paint(colorOf(state), text.Line(state)), duration(now.Sub(t.opened)))}
	var usage llm.Usage
	var errors llm.Errors
	failed, simulated := int64(0), false
	for _, s := range t.steps {
		sum := s.Sum()
		usage, errors = usage.Add(sum.Usage), errors.Add(sum.Errors)
		failed += sum.Failed
		simulated = simulated || s.Simulated
	}
	if usage.Calls > 0 {
		calls := text.Plural(usage.Calls, "call")
		if usage.Replayed > 0 {
			calls += fmt.Sprintf(" (%s replayed)", text.Count(usage.Replayed))
		}
		parts = append(parts, calls, tokens(usage)+" tokens"+cached(usage))
	}
	if errors != (llm.Errors{}) {
		parts = append(parts, errorsOf(errors))
	}
	if usage.USD > 0 {
		parts = append(parts, text.Dollars(usage.USD))
	}
	if usage.Estimated > 0 {
		parts = append(parts, text.Plural(usage.Estimated, "call")+" not counted by the provider: estimated")
	}
	if failed > 0 && state == progress.Succeeded {
		parts = append(parts, text.Plural(failed, "row")+" failed: see the report's row ledger")
	}
	if simulated {
		parts = append(parts, "simulated")
	}
	b.WriteString(strings.Join(parts, " · ") + "\n")
	t.print("")
	t.drawn, t.over = nil, true
	t.print(b.String())
}

// ToldFailure reports whether a shard's failure was told of.
func (t *Terminal) ToldFailure() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.failures) > 0
}

// failure says in full what went wrong and what to do, wrapped to the width.
func (t *Terminal) failure(e progress.Event) string {
	var b strings.Builder
	head := fmt.Sprintf("%s %s failed", glyph(progress.Failed, 0), t.step(e.Step).shardName(e.Shard))
	if e.ExitCode != 0 {
		head += fmt.Sprintf(" (exit %d)", e.ExitCode)
	}
	b.WriteString("\n" + t.paint(colorOf(progress.Failed), head) + "\n")
	for _, part := range []struct{ prefix, said string }{{"", e.Cause}, {"→ ", e.Hint}} {
		if part.said == "" {
			continue
		}
		wrapped := pretty.WrapSoft(part.prefix+text.Safe(part.said), max(t.width()-3, 20))
		for line := range strings.SplitSeq(strings.TrimRight(wrapped, "\n"), "\n") {
			b.WriteString("  " + strings.TrimRight(line, " ") + "\n")
		}
	}
	return b.String() + "\n"
}

// Write prints log lines above the live ones.
func (t *Terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := text.Safe(string(p))
	if !strings.HasSuffix(s, "\n") {
		s += "\n"
	}
	t.print(s)
	return len(p), nil
}

// Close draws the last state and leaves the cursor below it, on a line of its
// own. Later events are dropped.
func (t *Terminal) Close() {
	t.mu.Lock()
	if !t.over {
		t.input = nil // what follows says how it went on
		t.print("")
		t.drawn, t.over = nil, true
	}
	t.mu.Unlock()
	t.once.Do(func() { close(t.stop) })
	t.done.Wait()
}

// print writes lines above the live lines and draws those again, all in one
// write. Nothing is erased before it is overwritten, so nothing flickers.
func (t *Terminal) print(above string) {
	if !t.opts.Live || t.over {
		_, _ = io.WriteString(t.w, above)
		return
	}
	frame := t.frame()
	if above == "" && slices.Equal(frame, t.drawn) {
		return
	}
	var b bytes.Buffer
	if up := t.height(t.drawn); up > 0 {
		fmt.Fprintf(&b, "\r\x1b[%dA", up)
	}
	for line := range strings.Lines(above) {
		b.WriteString(strings.TrimSuffix(line, "\n") + "\x1b[K\n")
	}
	for _, line := range frame {
		b.WriteString(line + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	t.drawn = frame
	_, _ = t.w.Write(b.Bytes())
}

// height is how many rows the drawn lines take, some wrapped if the window shrank.
func (t *Terminal) height(lines []string) int {
	rows, width := 0, t.width()
	for _, line := range lines {
		rows += max(1, (pretty.StringWidthWithoutEscSequences(line)+width-1)/width)
	}
	return rows
}

func (t *Terminal) width() int {
	if t.opts.Width != nil {
		if w := t.opts.Width(); w > 0 {
			return w
		}
	}
	return 80
}

// step returns the view of a step, which a stream may mention unannounced.
func (t *Terminal) step(name string) *stepView {
	for _, s := range t.steps {
		if s.Name == name {
			return s
		}
	}
	s := newStepView(name)
	t.steps = append(t.steps, s)
	return s
}
