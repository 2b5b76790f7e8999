package otlp

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

// A trace turns a run's events into spans: one of the run, below it one of each step, and
// below that one of each attempt at a shard. A span comes once what it tells of has ended.
// Shards that were reused are counted in their step's: nothing was done for them.
type trace struct {
	began           time.Time
	parent          *parent
	seed            string
	id              [16]byte
	run, experiment string
	steps           []*stepSpan
	over            bool
}

type stepSpan struct {
	name            string
	shards          int
	began           time.Time // zero: nothing of it began
	ended           bool
	state           string // the worst that one of its shards came to
	cause           string
	attempts        map[int]*attempt // under way, by shard
	tries           map[int]int
	reused, settled int
}

// An attempt is one at a shard.
type attempt struct {
	number int
	began  time.Time
	last   progress.Event // how far it came
}

// name fixes the identifiers, which follow from the run's name and its beginning.
func (t *trace) name() {
	t.seed = fmt.Sprintf("gymline\x00%s\x00%d", t.run, t.began.UnixNano())
	if t.parent != nil {
		t.id = t.parent.trace
		return
	}
	sum := sha256.Sum256([]byte(t.seed))
	copy(t.id[:], sum[:])
}

// span begins a message; path tells it from others of the trace.
func (t *trace) span(name, path, below string, began, ended time.Time) span {
	if ended.Before(began) { // a clock that was set back
		ended = began
	}
	return span{Trace: id(t.id[:]), ID: t.idOf(path), Parent: below, Name: name, Kind: internal, Start: nanos(began), End: nanos(ended)}
}

func (t *trace) idOf(path string) string {
	sum := sha256.Sum256([]byte(t.seed + "\x00" + path))
	return id(sum[:8])
}

// take takes an event and returns the spans that have ended with it.
func (t *trace) take(at time.Time, e progress.Event) []span {
	if t.over {
		return nil
	}
	switch e.Type {
	case progress.RunOpened:
		t.run, t.experiment = e.Run, e.Experiment
		t.name()
		for _, s := range e.Steps {
			t.step(s.Step).shards = s.Shards
		}
	case progress.Progress:
		if a := t.step(e.Step).attempts[e.Shard]; a != nil {
			a.last = e
		}
	case progress.StepState:
		return t.state(at, t.step(e.Step), e)
	case progress.RunEnded:
		t.over = true
		return t.end(at, e)
	}
	return nil
}

// step returns a step, which a stream may mention unannounced.
func (t *trace) step(name string) *stepSpan {
	for _, s := range t.steps {
		if s.name == name {
			return s
		}
	}
	s := &stepSpan{name: name, attempts: map[int]*attempt{}, tries: map[int]int{}}
	t.steps = append(t.steps, s)
	return s
}

func (t *trace) state(at time.Time, s *stepSpan, e progress.Event) (list []span) {
	if s.began.IsZero() {
		s.began = at
	}
	if e.State == progress.Running {
		if s.attempts[e.Shard] != nil { // whose end nobody told
			list = append(list, t.attempt(at, s, progress.Event{Shard: e.Shard, State: unknown}))
		}
		s.begin(at, e.Shard)
		return list
	}
	if s.attempts[e.Shard] == nil && e.State == progress.Failed { // of which there is a word alone
		s.begin(at, e.Shard)
	}
	if s.attempts[e.Shard] != nil {
		list = append(list, t.attempt(at, s, e))
	}
	if !progress.Over(e.State) {
		return list
	}
	s.settled++
	switch {
	case e.State == progress.Reused:
		s.reused++
	case e.State == progress.Failed, e.State == progress.Cancelled && s.state == "":
		s.state, s.cause = e.State, e.Cause
	}
	if s.settled == s.shards {
		list = append(list, t.stepped(at, s))
	}
	return list
}

func (s *stepSpan) begin(at time.Time, shard int) {
	s.tries[shard]++
	s.attempts[shard] = &attempt{number: s.tries[shard], began: at}
}

// unknown is the outcome of what nobody told the end of.
const unknown = "unknown"

// outcomes are how things end, as the attribute has them.
var outcomes = map[string]string{
	progress.Retrying: "retrying", progress.Reused: "reused", progress.Succeeded: "succeeded", progress.Failed: "failed",
	progress.Cancelled: "cancelled", store.Interrupted: "interrupted", unknown: unknown,
}

// attempt is the span of one that has ended with e.
func (t *trace) attempt(at time.Time, s *stepSpan, e progress.Event) span {
	a := s.attempts[e.Shard]
	delete(s.attempts, e.Shard)
	sp := t.span(s.name+" shard", fmt.Sprintf("%s/%d/%d", s.name, e.Shard, a.number), t.idOf(s.name), a.began, at)
	sp.leaf = true
	sp.Attributes = append(t.of(), words("gymline.step", s.name), whole("gymline.shard", e.Shard), whole("gymline.attempt", a.number), words("gymline.outcome", outcomes[e.State]))
	last := a.last
	if last.Total > 0 {
		sp.Attributes = append(sp.Attributes, whole("gymline.rows", last.Done), whole("gymline.rows.failed", last.Failed))
	}
	if u := last.Usage; u != nil && u.Calls > 0 {
		sp.Attributes = append(sp.Attributes, whole("gymline.calls", u.Calls), whole("gymline.calls.replayed", u.Replayed),
			whole("gen_ai.usage.input_tokens", u.Prompt), whole("gen_ai.usage.cache_read.input_tokens", u.Cached), whole("gen_ai.usage.output_tokens", u.Completion))
		if finite(u.USD) {
			sp.Attributes = append(sp.Attributes, fraction("gymline.cost_usd", u.USD))
		}
	}
	if e.State == progress.Retrying || e.State == progress.Failed {
		sp.fail(e)
	}
	return sp
}

// fail says why a span did not succeed.
func (s *span) fail(e progress.Event) {
	s.Status = &status{Code: statusError, Message: clip(e.Cause)}
	if e.Hint != "" {
		s.Attributes = append(s.Attributes, words("gymline.hint", e.Hint))
	}
	if e.ExitCode != 0 {
		s.Attributes = append(s.Attributes, whole("process.exit.code", e.ExitCode))
	}
}

// of says of which run a span is.
func (t *trace) of() (list []attribute) {
	if t.run != "" {
		list = append(list, words("gymline.run", t.run))
	}
	if t.experiment != "" {
		list = append(list, words("gymline.experiment", t.experiment))
	}
	return list
}

// stepped is the span of a step that has ended.
func (t *trace) stepped(at time.Time, s *stepSpan) span {
	s.ended = true
	state := s.state
	switch {
	case state != "":
	case s.settled < s.shards:
		state = unknown
	case s.reused == s.shards:
		state = progress.Reused
	default:
		state = progress.Succeeded
	}
	sp := t.span(s.name, s.name, t.idOf(""), s.began, at)
	sp.Attributes = append(t.of(), words("gymline.step", s.name), whole("gymline.shards", s.shards), whole("gymline.shards.reused", s.reused), words("gymline.outcome", outcomes[state]))
	if state == progress.Failed {
		sp.fail(progress.Event{Cause: s.cause})
	}
	return sp
}

// end are the spans of all that is under way, and the run's.
func (t *trace) end(at time.Time, e progress.Event) (list []span) {
	if t.seed == "" { // no run was opened
		t.name()
	}
	for _, s := range t.steps {
		for _, shard := range slices.Sorted(maps.Keys(s.attempts)) {
			list = append(list, t.attempt(at, s, progress.Event{Shard: shard, State: unknown}))
			s.state = cmp.Or(s.state, unknown)
		}
		if !s.ended && !s.began.IsZero() {
			list = append(list, t.stepped(at, s))
		}
	}
	below, name := "", "run"
	if t.parent != nil {
		below = id(t.parent.span[:])
	}
	if t.experiment != "" {
		name += " " + t.experiment
	}
	sp := t.span(name, "", below, t.began, at)
	sp.Attributes = append(t.of(), words("gymline.outcome", outcomes[e.State]))
	if g := e.Gate; g != nil {
		sp.Attributes = append(sp.Attributes, truth("gymline.gate.passed", g.Passed), words("gymline.gate.sentence", g.Sentence))
	}
	switch {
	case e.State != store.Succeeded:
		sp.fail(e)
	case e.ExitCode != 0: // its gate is broken, or could not be asked
		sp.Attributes = append(sp.Attributes, whole("process.exit.code", e.ExitCode))
	}
	return append(list, sp)
}
