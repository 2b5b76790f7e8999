// Package gc removes from a store what nothing reaches, beside processes at work, on any
// bucket and with any of them killed at any moment.
//
// # What must hold
//
// Nothing that a run, a draft or a process at work relies on is removed; once all is at
// rest, what nothing reaches is gone. Processes rely on objects that they do not write: on
// the outputs of a memo, on files of an input that are there. So what nothing names now may
// be named in a minute, by a process that has looked already.
//
// # What a collector does
//
// There is no lock. A removal is a generation n, and only the last one is under way:
//
//  1. Condemn: it walks all roots, and writes the keys of what it did not meet as a blob
//     below gc-keys/<n>/, then gc/<n>.json (once). All is still there.
//  2. Wait: not before gc/<n>.json is a grace old (a day), by the bucket's own clock, it
//     goes on; in this process or, as a rule, in one of a later day.
//  3. Sweep: it writes gc/<n>.sweep.json (once: of two collectors one goes on). Only then
//     it lists gc-kept/<n>/ and walks all roots again. It removes what is condemned, still
//     not met, not kept, and not written since: all memos first. It stops when a third of
//     the time is up that gc/<n>.sweep.json gives it, by its own clock and the wall's.
//  4. It writes gc/<n>.done.json. Whoever finds a sweep whose time is up, by the bucket's
//     clock, writes it in its place. What is left is condemned again by the next.
//
// # What a process at work does
//
// It remembers the key of all that it asked for, read, wrote or was told of (16 bytes
// each). It lists gc/ when it opens the store, and again before a request when its last
// look is older than five minutes, and by a timer. When it learns of a generation,
// it writes gc-kept/<n>/<hash of the key> for each condemned object that it remembers; from
// then on it does so before it asks for one, reads or writes it. After such a mark it looks
// for gc/<n>.sweep.json. Where that is there, it waits for the end of the sweep, by a clock
// that stands still while the machine sleeps, and then finds what is there. A process that
// learns of a sweep which took what it remembers ends; started again it looks anew.
//
// # Why it holds
//
// Let X be condemned by n, and a process P rely on it. S is when gc/<n>.sweep.json is written.
//
//   - P's record that names X was there before S: the second walk meets it.
//   - P's record comes after S, and P knew of n when it first asked for X: either its mark
//     was there before it looked for the sweep and found none, so before S, and the collector
//     lists marks after S; or it found the sweep, and looked for X when that was over.
//   - P's record comes after S, and P asked for X before it knew of n: the record is a
//     request, so P has listed gc/ shortly before it. S is a day after n, so P knew of n
//     before S, and left its mark when it learned of it.
//
// Two collectors: of condemning one is first, since gc/<n>.json is written once and n+1 only
// after gc/<n>.done.json; of sweeping as well. A sweep that was cut off leaves lists whose
// files are partly gone: no list is trusted once there was a removal, ever, each file is
// looked for. It leaves no memo whose outputs are gone: memos go first, and a memo whose
// maker is gone is not trusted.
//
// What is a root: each run that has its record, sealed or not (so a hand-off that waits, a
// workflow that has not started, a run to resume), scheduled drafts, tombstones' bindings,
// withdrawals. A memo is kept with any run that has its work. The ledger is never removed:
// recorded answers were paid for.
//
// What the argument leaves out: a machine that sleeps between a look and the request after
// it (it is microseconds) for longer than the grace, and writers that know nothing of
// removals. Of those a grace's worth is safe: what was written since is not removed.
package gc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gymline/gymline/internal/store"
)

// FormatVersion is written into every record below gc/.
const FormatVersion = 1

// Times of a removal.
const (
	// Grace is how long what is condemned is there before it goes.
	Grace = 24 * time.Hour
	// LookEvery is how old the last look of a process at work may be.
	LookEvery = 5 * time.Minute
	// sweepFor is how long a sweep removes, at least; others wait for it thrice as long.
	sweepFor = 10 * time.Minute
	thirds   = 3
	// DeadAfter is from which age of its last beat a run of one machine is taken for dead.
	DeadAfter = time.Hour
)

// A Generation is a removal.
type Generation struct {
	Format    int          `json:"format"`
	Number    int          `json:"number"`
	At        string       `json:"at"`
	By        string       `json:"by,omitempty"`
	Condemned store.Digest `json:"condemned"` // a blob below gc-keys/<n>/: a key a line
	Objects   int          `json:"objects"`
	Bytes     int64        `json:"bytes"`
	// Walk is how long it took to walk all roots, in seconds.
	Walk float64 `json:"walk"`
}

type sweep struct {
	Format int     `json:"format"`
	At     string  `json:"at"`
	By     string  `json:"by,omitempty"`
	For    float64 `json:"for"` // seconds
}

type done struct {
	Format  int    `json:"format"`
	At      string `json:"at"`
	Removed int    `json:"removed"`
	Bytes   int64  `json:"bytes"`
	// Cut says that the sweep was cut off, and this is the word of another.
	Cut bool `json:"cut,omitempty"`
}

const (
	folder = "gc/"
	kept   = "gc-kept/"
	listed = "gc-keys/"
)

func key(n int, what string) string { return folder + strconv.Itoa(n) + what + ".json" }

// lists is where the list of what generation n condemns lies. No removal touches it.
func lists(b store.Bucket, n int) *store.Store {
	return store.New(b).Below(listed + strconv.Itoa(n) + "/")
}

// A standing is which records of the last generation are there; 0 is that there is none.
type standing struct {
	number      int
	sweep, done bool
	made, swept time.Time // by the bucket's clock
	others      []int     // before it
}

// look lists the generations.
func look(ctx context.Context, b store.Bucket) (last standing, err error) {
	all := map[int]*standing{}
	for o, err := range b.Sizes(ctx, folder) {
		if err != nil {
			return last, err
		}
		number, what, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(o.Key, folder), ".json"), ".")
		n, err := strconv.Atoi(number)
		if err != nil {
			continue
		}
		if all[n] == nil {
			all[n] = &standing{}
		}
		s := all[n]
		switch what {
		case "":
			s.number, s.made = n, o.Changed
		case "sweep":
			s.sweep, s.swept = true, o.Changed
		case "done":
			s.done = true
		}
		if s.number > last.number {
			last.number = n
		}
	}
	if s := all[last.number]; s != nil {
		last = *s
	}
	for n := range all {
		if n < last.number {
			last.others = append(last.others, n)
		}
	}
	return last, nil
}

func create(ctx context.Context, b store.Bucket, k string, v any) error {
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return b.Create(ctx, k, append(data, '\n'))
}

func read[T any](ctx context.Context, b store.Bucket, k string) (v T, err error) {
	data, err := store.New(b).ReadObject(ctx, k)
	if err != nil {
		return v, err
	}
	var head struct {
		Format int `json:"format"`
	}
	if err = json.Unmarshal(data, &head); err == nil {
		err = json.Unmarshal(data, &v)
	}
	if err == nil && head.Format > FormatVersion {
		err = fmt.Errorf("format %d, and this gymline reads %d: use a newer gymline", head.Format, FormatVersion)
	}
	if err != nil {
		err = &store.Error{Op: "get", Key: k, Kind: store.Misconfigured, Err: err, Fix: "a removal's record cannot be read: restore it, or remove " + k + " when no gymline is at work"}
	}
	return v, err
}

// condemned calls fn with each key that a generation condemns.
func condemned(ctx context.Context, b store.Bucket, n int, fn func(key string)) error {
	g, err := read[Generation](ctx, b, key(n, ""))
	if err != nil {
		return err
	}
	in, err := lists(b, n).OpenBlob(ctx, g.Condemned)
	if err != nil {
		return fmt.Errorf("what removal %d condemns: %w", n, err)
	}
	defer in.Close()
	return eachLine(in, fn)
}

// A Clock is what is waited by.
type Clock struct {
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
}

// SystemClock sleeps by the machine's timers.
func SystemClock(now func() time.Time) Clock {
	return Clock{now, func(ctx context.Context, d time.Duration) error {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
}

// since is how long ago a time was: at least, by a clock that stands still while the
// machine sleeps, and at most, by the wall's where that went further.
func (c Clock) since(at time.Time) (least, most time.Duration) {
	now := c.Now()
	least, most = now.Sub(at), now.Round(0).Sub(at.Round(0))
	if most < 0 { // it was set back
		most = time.Duration(1<<63 - 1)
	}
	return least, max(least, most)
}

var errGone = errors.New("it was removed by 'gymline gc' while the store was open here")
