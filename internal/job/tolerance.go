package job

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/text"
)

// A Tolerance says when a shard is given up: when more than Rate of the last
// Window rows to end failed, or, where it has fewer and at least fewest, of all.
type Tolerance struct {
	Rate   float64 `json:"rate"`
	Window int     `json:"window"`
}

// usual is the tolerance where none is given.
var usual = Tolerance{Rate: 0.5, Window: 50}

// fewest is how many rows tell whether something is wrong.
const fewest = 10

// Patience watches the rows of a shard end, and runs out when more fail than its
// tolerance bears. It is safe for concurrent use.
type Patience struct {
	bears Tolerance
	log   *slog.Logger

	mu      sync.Mutex
	ended   int               // rows taken in, in order
	early   map[int]ending    // that ended before their turn
	last    []string          // causes of the last rows to end, a ring; "" did not fail
	failed  int               // of those
	causes  map[string]int    // of the failed ones
	example map[string]ending // the first of each cause
	out     error
}

// An ending is how a row ended; one that did not fail has no cause.
type ending struct{ id, cause, raw, hint string }

// Patience returns a watch of its own over so many rows, 0, 1, 2, ….
func (t *Task) Patience(rows int) *Patience {
	p := &Patience{bears: t.env.Tolerance, log: t.Log, early: map[int]ending{}, causes: map[string]int{}, example: map[string]ending{}}
	if p.bears == (Tolerance{}) {
		p.bears = usual
	}
	p.bears.Window = min(p.bears.Window, max(rows, fewest))
	t.watches = append(t.watches, p)
	return p
}

// Ended tells how row n ended: with err, if it failed for that cause. Rows count
// in their order, whatever order they end in, so that where a shard stops does
// not depend on time. The error is permanent, and the same from then on.
func (p *Patience) Ended(n int, id, cause string, err error) error {
	e := ending{id: id, cause: cause}
	if cause != "" {
		e.raw, e.hint = example(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.early[n] = e
	for p.out == nil {
		e, ok := p.early[p.ended]
		if !ok {
			return nil
		}
		delete(p.early, p.ended)
		p.take(e)
	}
	return p.out
}

// What a person can do about rows that failed, where the error does not say.
const (
	changeAsked = "recorded answers are replayed, so change what was asked: the model's schema, maxTokens or temperature, or the seed"
	askAgain    = "the next run asks for them again: mend what the provider names first"
)

// example is what a failed row shows of its kind, and what to do about it.
func example(err error) (raw, hint string) {
	hint = fault.Hint(err)
	if m, ok := errors.AsType[*llm.Malformed](err); ok {
		raw = m.Raw
		if strings.TrimSpace(raw) == "" {
			raw = m.Error()
		}
		hint = cmp.Or(hint, changeAsked)
	} else if r, ok := errors.AsType[*llm.Error](err); ok {
		raw, hint = r.Error(), cmp.Or(hint, askAgain)
	}
	return text.ClipBytes(raw, 2000), hint
}

// take counts the next row.
func (p *Patience) take(e ending) {
	if len(p.last) < p.bears.Window {
		p.last = append(p.last, "")
	}
	slot := &p.last[p.ended%p.bears.Window]
	if *slot != "" { // the oldest leaves
		p.failed--
		if p.causes[*slot]--; p.causes[*slot] == 0 {
			delete(p.causes, *slot)
		}
	}
	*slot = e.cause
	p.ended++
	if e.cause != "" {
		p.failed++
		p.causes[e.cause]++
		p.show(e)
	}
	// The quotient of whole numbers is the float64 that the config's decimal
	// became, so a rate that is met exactly is still borne.
	if len(p.last) == p.bears.Window && float64(p.failed)/float64(p.bears.Window) > p.bears.Rate {
		p.out = p.verdict()
	}
}

// maxExamples bounds what is kept and logged where causes are many.
const maxExamples = 20

// show logs the first row of each cause with the answer that could not be used:
// the outputs of a shard that is given up are not kept.
func (p *Patience) show(e ending) {
	if _, ok := p.example[e.cause]; ok || len(p.example) == maxExamples {
		return
	}
	p.example[e.cause] = e
	p.log.Warn("a row failed; others of the same cause are not shown", "row", e.id, "cause", e.cause, "answer", e.raw)
}

// verdict is the error that gives the shard up.
func (p *Patience) verdict() error {
	causes := slices.Sorted(maps.Keys(p.causes))
	slices.SortStableFunc(causes, func(a, b string) int { return cmp.Compare(p.causes[b], p.causes[a]) })
	var most []string
	for _, c := range causes[:min(3, len(causes))] {
		most = append(most, fmt.Sprintf("%s (%d)", c, p.causes[c]))
	}
	reason := fmt.Sprintf("%d of the last %d rows failed, more than the %s %% that are borne; most often: %s", p.failed, p.bears.Window,
		strconv.FormatFloat(100*p.bears.Rate, 'g', 4, 64), strings.Join(most, ", "))
	shown, hint := p.shown(causes[0])
	return fault.New(fault.Permanent, errors.New(reason+shown), hint+"; or raise rate or window under failures to bear more")
}

// shown is an example of a cause in words, and what to do about it; there is none
// past maxExamples causes.
func (p *Patience) shown(cause string) (example, hint string) {
	e, ok := p.example[cause]
	if !ok || e.hint == "" {
		e.hint = changeAsked
	}
	if e.raw == "" {
		return "", e.hint
	}
	return fmt.Sprintf("; row %s, for example: %q", e.id, text.ClipBytes(e.raw, 400)), e.hint
}
