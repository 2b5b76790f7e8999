package rewardmodel

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/trace"
)

// variety makes rows of every kind at once: several tasks a turn, several
// sessions a group, test rows of seen and unseen histories in no order, votes,
// needs, unreadable times, other scripts, and texts that come again.
func variety(root uint64, groups int, tests bool) []trace.Judged {
	rng := rand.New(rand.NewPCG(root, 2))
	lot := func(n int) bool { return rng.IntN(n) == 0 }
	text := func() string {
		s := topics[rng.IntN(len(topics))] + " " + topics[rng.IntN(len(topics))]
		switch rng.IntN(6) {
		case 0:
			s = "用户搜索“" + s + "车票”"
		case 1:
			s = "Searching 'the " + s + " NO." + fmt.Sprint(rng.IntN(40)) + "' failed"
		case 2:
			s = "the user"
		case 3:
			s = fmt.Sprintf(acts[rng.IntN(len(acts))], s)
		}
		return s
	}
	var rows []trace.Judged
	for g := range groups {
		for s := range 1 + rng.IntN(2) {
			var history []trace.Event
			clock := 1000 * g
			for i := range 1 + rng.IntN(14) {
				clock += rng.IntN(90) - 8
				at := fmt.Sprint(clock)
				if lot(7) {
					at = []string{"Day 2, 3:0" + fmt.Sprint(i%10) + " PM", "later"}[rng.IntN(2)]
				}
				e := trace.Event{Time: at, Text: text()}
				if i > 2 && lot(6) {
					e.Text = history[rng.IntN(i)].Text
				}
				history = append(history, e)
				r := trace.Judged{Group: fmt.Sprint("g", g), Trace: fmt.Sprint("g", g, "/", s), History: slices.Clone(history), Source: trace.Gym}
				if tests {
					r.Source, r.Split = trace.ProactiveBench, "train"
				}
				search := strings.Contains(e.Text, "earch")
				for range 1 + rng.IntN(3) {
					row := r
					if row.Task = nil; !lot(4) {
						task := text()
						if lot(2) {
							task = "Look up " + e.Text
						}
						row.Task = &task
					}
					row.Accepted = (row.Task != nil) == search != lot(5)
					if lot(5) {
						row.Votes = []bool{row.Accepted, lot(2), row.Accepted}
					}
					if lot(5) {
						need := search
						row.HelpNeeded = &need
					}
					if tests && lot(6) {
						row.Split = "test"
					}
					if row.Task != nil || !lot(3) {
						rows = append(rows, row)
					}
				}
			}
		}
	}
	if tests {
		rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	}
	return rows
}

// TestBytesArePinned: what the first model that learns from made-up rows made of these. A changed digest is a new Format
// of the step reward.
func TestBytesArePinned(t *testing.T) {
	for _, c := range []struct {
		groups, folds int
		tests         bool
		want          string
	}{
		{12, 0, false, "d46979283dd43557"},
		{60, 0, false, "981c5e89cb9e3e26"},
		{30, 4, true, "2eecfe017a68772d"},
		{75, 70, false, "911a7a0ba644eb70"},
		{45, 0, true, "a9505e47aae97db8"},
	} {
		o := quick(options(uint64(c.groups)))
		o.Folds = c.folds
		model, m, err := Train(t.Context(), variety(uint64(c.groups), c.groups, c.tests), o)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("%x", sha256.Sum256(append(encode(t, model), encode(t, m)...)))[:16]
		if got != c.want {
			t.Errorf("%d groups, %d folds, tests %v: %s, want %s", c.groups, c.folds, c.tests, got, c.want)
		}
	}
}
