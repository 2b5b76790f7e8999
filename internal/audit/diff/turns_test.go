package diff

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

// turnOf is an event with a verdict, yes or no; "" is silence.
func turnOf(event, offer string, yes bool) trace.Turn {
	t := trace.Turn{Event: trace.Event{Time: "1", Text: event}, Judgement: &trace.Judgement{Accepted: yes, Reason: "since " + event}}
	if offer != "" {
		t.Proposals = []string{offer}
	}
	return t
}

func lineOf(t *testing.T, turns ...trace.Turn) []byte {
	t.Helper()
	data, err := json.Marshal(trace.JudgedTrace{Candidate: "c", Repeat: 1, Trace: trace.Trace{ID: "x", Turns: turns}})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Turns are paired by their events, wherever they stand, equal ones in their order; of a
// verdict that is another it is told whether the proposals are the same.
func TestTurnsArePairedByTheirEvents(t *testing.T) {
	t.Parallel()
	was := lineOf(t, turnOf("a", "help", true), turnOf("b", "", true), turnOf("b", "", false), turnOf("gone", "", true), turnOf("same", "x", true))
	is := lineOf(t, turnOf("b", "", false), turnOf("new", "", true), turnOf("a", "help", false), turnOf("b", "offer", true), turnOf("same", "x", true))
	sum := &turns{most: 2}
	if err := sum.compare(was, is); err != nil {
		t.Fatal(err)
	}
	got := sum.result()
	if got.Both != 4 || got.OnlyWas != 1 || got.OnlyIs != 1 || got.Proposals != 1 || got.Verdicts != 3 || got.Judge != 2 {
		t.Errorf("%+v", got)
	}
	var names []string
	for _, f := range got.Shown {
		names = append(names, f.Turn)
	}
	if !slices.Equal(names, []string{"c/x/0#1", "c/x/2#1"}) {
		t.Errorf("shown are %v", names)
	}
	if first := got.Shown[1]; first.Was.Verdict != "accepted" || first.Is.Verdict != "rejected" || first.Is.Reason != "since a" || first.Event != "a" {
		t.Errorf("%+v", first)
	}
	if err := sum.compare([]byte(`{"trace": 5}`), is); err == nil {
		t.Error("a row that is no session is taken")
	}
}

// Equal blobs are taken out of both lists one by one, so that only others are read.
func TestEqualBlobsAreNotRead(t *testing.T) {
	t.Parallel()
	of := func(digests ...store.Digest) (list []store.Artifact) {
		for _, d := range digests {
			list = append(list, store.Artifact{Digest: d})
		}
		return list
	}
	same, a, b := apart(of("x", "x", "y", "z"), of("z", "x", "w"))
	if len(same) != 2 || len(a) != 2 || len(b) != 1 || b[0].Digest != "w" {
		t.Errorf("%v, %v and %v", same, a, b)
	}
}
