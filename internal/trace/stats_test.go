package trace

import (
	"encoding/json"
	"reflect"
	"testing"
)

// judged is a turn of an activity; an empty task is silence.
func judged(activity int, task string, accepted bool) Turn {
	t := Turn{Activity: activity, Judgement: &Judgement{Accepted: accepted}}
	if task != "" {
		t.Proposals = []string{task}
	}
	return t
}

func TestStats(t *testing.T) {
	failed := judged(0, "a", true)
	failed.Failure = true
	failed.Execution = []Operation{{OK: true}, {OK: false}}
	episodes := []*Episode{
		{Scene: "s0", End: "goal", Trace: Trace{Domain: "coding", Turns: []Turn{failed, judged(0, "", true), judged(1, "b", false)}}},
		{Scene: "s0", End: "maxEvents", Trace: Trace{Domain: "coding", Turns: []Turn{judged(0, "c", true), judged(2, "", false), {Activity: 2}, judged(2, "d", false)}}},
		{Scene: "s1", End: "goal", Trace: Trace{Domain: "writing", Turns: []Turn{judged(0, "", true)}}},
	}
	coding := Tally{
		Scenes: 1, Sessions: 2, Activities: 5, Events: 7, Failures: 1, Proposals: 4, ProposalsAccepted: 2, ProposalsRejected: 2,
		Silences: 2, SilencesAccepted: 1, SilencesRejected: 1, Operations: 2, OperationsFailed: 1,
		Ends: map[string]int{"goal": 1, "maxEvents": 1}, AcceptanceRate: 0.5, EventsPerSession: 3.5,
	}
	writing := Tally{Scenes: 1, Sessions: 1, Activities: 1, Events: 1, Silences: 1, SilencesAccepted: 1, Ends: map[string]int{"goal": 1}, EventsPerSession: 1}

	var all, first, second Stats
	for i, e := range episodes {
		all.Add(e)
		if i < 2 {
			first.Add(e)
		} else {
			second.Add(e)
		}
	}
	if !reflect.DeepEqual(*all.Domains["coding"], coding) || !reflect.DeepEqual(*all.Domains["writing"], writing) {
		t.Errorf("domains %+v and %+v", all.Domains["coding"], all.Domains["writing"])
	}
	if all.Scenes != 2 || all.Sessions != 3 || all.Events != 8 || all.EventsPerSession != 8.0/3 || all.Ends["goal"] != 2 {
		t.Errorf("sums %+v", all.Tally)
	}
	if n := all.AcceptedEvents(); n != 4 {
		t.Errorf("%d accepted events", n)
	}
	// Merging what was read back is the same as adding.
	var merged Stats
	for _, part := range []*Stats{&first, {}, &second} {
		data, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		var back Stats
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatal(err)
		}
		merged.Merge(&back)
	}
	a, _ := json.Marshal(&all)
	b, _ := json.Marshal(&merged)
	if string(a) != string(b) {
		t.Errorf("merged %s\nadded  %s", b, a)
	}
}
