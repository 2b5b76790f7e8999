package evaluate

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/trace"
)

// TestResultsHoldNoText: what evaluate keeps grows with the number of events,
// not with what they say.
func TestResultsHoldNoText(t *testing.T) {
	const traces, events = 500, 20
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before, r := heap(), &result{}
	for i := range traces {
		line := trace.JudgedTrace{Candidate: "a", Judge: "recorded", Trace: trace.Trace{ID: fmt.Sprint("trace_", i), Domain: "coding"}}
		for j := range events {
			long := strings.Repeat(fmt.Sprint("event ", i, j), 50)
			line.Trace.Turns = append(line.Trace.Turns, trace.Turn{
				Event: trace.Event{Time: fmt.Sprint(j), Text: long}, Proposals: []string{long}, Judgement: &trace.Judgement{Accepted: j%2 == 0, Reason: long},
			})
		}
		data, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		read := new(trace.JudgedTrace)
		if err := json.Unmarshal(data, read); err != nil {
			t.Fatal(err)
		}
		r.add(read)
	}
	if grown := heap() - before; grown > 60*traces*events {
		t.Errorf("%d bytes an event, want at most 60", grown/traces/events)
	}
	if len(r.traces) != traces || r.counts[0].TP != events/2 || r.traces[0].events[0] == r.traces[0].events[1] {
		t.Errorf("%d traces, the first %+v", len(r.traces), r.traces[0])
	}
}
