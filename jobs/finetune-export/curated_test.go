package finetuneexport

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/trace"
)

// A turn that curate left out is no row of any set, and its history to all others,
// whose conversations stay what they were.
func TestExcludedTurnsAreHistoryAlone(t *testing.T) {
	var curated bytes.Buffer
	gone := map[string]bool{}
	again := decode[trace.Episode](t, episodes(t))
	for i, e := range decode[trace.Episode](t, episodes(t)) {
		x, _ := gymSession(&again[i])
		for _, row := range x.rows {
			if (row.turn+i)%3 == 0 {
				e.Turns[row.turn].Excluded = "near-duplicate of another"
				gone["agent/"+row.ID], gone["reward/"+row.ID] = true, true
			}
		}
		if err := json.NewEncoder(&curated).Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	if len(gone) < 4 {
		t.Fatalf("only %d rows are left out", len(gone))
	}
	p := params()
	p.Validation = 0
	all, some := mustRun(t, p, episodes(t)), mustRun(t, p, curated.Bytes())
	before, after := ends(t, all), ends(t, some)
	for id, end := range before {
		got, ok := after[id]
		switch {
		case gone[id] && ok:
			t.Errorf("%s was left out, and is %s", id, got)
		case !gone[id] && end != causeText(causeDuplicate) && got != end:
			t.Errorf("%s was %q and is %q", id, end, got)
		}
	}
	for _, name := range names(some) {
		if !strings.HasPrefix(name, "trl/") || !strings.HasSuffix(name, ".jsonl") {
			continue
		}
		known := strings.Split(string(all.Output(t, name)), "\n")
		for line := range strings.SplitSeq(string(some.Output(t, name)), "\n") {
			if !slices.Contains(known, line) {
				t.Errorf("%s: a conversation changed: %s", name, line)
			}
		}
	}
	if a, b := manifest(t, all).Sources[0].Rows, manifest(t, some).Sources[0].Rows; a-b != len(gone)/2 {
		t.Errorf("%d rows, and %d of them when %d are left out", a, b, len(gone)/2)
	}
}

func causeText(cause string) string { return "rejected: " + cause }
