package run

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
)

// A run is told again in the order of time, with what failed at its end.
func TestStory(t *testing.T) {
	p := &plan.Plan{Experiment: "x", Steps: []plan.Step{{Name: "make", Shards: 4}, {Name: "join", Shards: 1}}}
	at := func(second int) string { return fmt.Sprintf("2026-11-29T03:00:%02d.000Z", second) }
	record := func(shard, started, finished int, reused bool) *store.Step {
		return &store.Step{Step: "make", Shard: shard, Started: at(started), Finished: at(finished), Reused: reused, Usage: []byte(`{"calls":7}`), Outputs: []store.Artifact{{Name: plan.RowsOutput, Rows: 3}}}
	}
	r := &Run{
		Head: Head{Run: store.Run{ID: "x-1", Created: at(0)}, State: store.Failed, Finished: at(9)}, Plan: p,
		Steps: []Step{
			{&p.Steps[0], []Shard{{Record: record(0, 2, 7, false)}, {Record: record(1, 1, 5, false)}, {Record: record(2, 1, 1, true)}, {Failure: &store.Failure{Cause: "row 3", ExitCode: 65}}}},
			{&p.Steps[1], make([]Shard, 1)},
		},
	}
	var got []string
	for _, told := range r.Story() {
		line := fmt.Sprintf("%d %s %s/%d %s", told.At.Second(), told.Type, told.Step, told.Shard, told.State)
		if told.Usage != nil {
			line += fmt.Sprintf("%d calls, %d rows", told.Usage.Calls, told.Done)
		}
		got = append(got, line+told.Cause)
	}
	want := `0 run-opened /0 
1 step-state make/1 Running
1 step-state make/2 Reused
2 step-state make/0 Running
5 progress make/1 7 calls, 3 rows
5 step-state make/1 Succeeded
7 progress make/0 7 calls, 3 rows
7 step-state make/0 Succeeded
9 step-state make/3 Failedrow 3`
	if all := strings.Join(got, "\n"); all != want {
		t.Errorf("%s\nwant\n%s", all, want)
	}
	if story := (&Run{Head: r.Head}).Story(); story != nil {
		t.Errorf("of a run that was cut off as it opened: %v", story)
	}
}
