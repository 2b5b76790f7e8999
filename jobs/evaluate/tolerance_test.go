package evaluate

import (
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/llm"
)

// manyEvents is a benchmark of traces with 30 events each.
func manyEvents(traces int) fs.FS {
	var lines []string
	for i := range traces {
		var events []string
		for j := range 30 {
			events = append(events, fmt.Sprintf(`{"observation":{"time":"%d","event":"Event %d of trace %d."}}`, j+1, j, i))
		}
		lines = append(lines, fmt.Sprintf("b/code_%02d.json: [%s]", i, strings.Join(events, ",")))
	}
	return files(lines...)
}

// TestPredictStopsWhenTooManyRowsFail: whether it is the answers or the verdicts
// that cannot be used, and at the same row whatever is in flight.
func TestPredictStopsWhenTooManyRowsFail(t *testing.T) {
	good := func(req *llm.Request) string {
		if req.Schema.Name == "judgement" {
			return `{"accepted":true,"reason":"x"}`
		}
		return `{"tasks":["Help."]}`
	}
	for _, tt := range []struct{ schema, cause string }{{"proposal", causeMalformed}, {"judgement", causeJudge}} {
		want := ""
		for _, inFlight := range []int{1, 16} {
			var verdicts atomic.Int64
			s := &script{answer: func(req *llm.Request) string {
				if req.Schema.Name == "judgement" {
					verdicts.Add(1)
				}
				if req.Schema.Name == tt.schema && bad(req) {
					return "No."
				}
				return good(req)
			}}
			c := aCase(s, s)
			c.Files, c.InFlight, c.Tolerance = map[string]fs.FS{"samples": manyEvents(40)}, inFlight, job.Tolerance{Rate: 0.5, Window: 10}
			_, err := jobtest.Run(t, c)
			if fault.Code(err) != fault.Permanent || !strings.Contains(err.Error(), "6 of the last 10 rows failed") ||
				!strings.Contains(err.Error(), tt.cause+` (6); row careful/code_02/5, for example: "No."`) {
				t.Fatalf("%s: %v", tt.schema, err)
			}
			if want == "" {
				want = err.Error()
			}
			if err.Error() != want {
				t.Errorf("%s: %v with %d in flight, want %s", tt.schema, err, inFlight, want)
			}
			if n := verdicts.Load(); tt.schema == "proposal" && n > 0 {
				t.Errorf("%d verdicts were paid for on answers that cannot be used", n)
			}
		}
		// What is borne is not in the way.
		s := &script{answer: func(req *llm.Request) string {
			if req.Schema.Name == tt.schema && bad(req) {
				return "No."
			}
			return good(req)
		}}
		c := aCase(s, s)
		c.Files, c.Tolerance = map[string]fs.FS{"samples": manyEvents(4)}, job.Tolerance{Rate: 1, Window: 10}
		if _, err := jobtest.Run(t, c); err != nil {
			t.Errorf("%s: %v", tt.schema, err)
		}
	}
}

// bad is true of the events of trace 2 from its sixth on.
func bad(req *llm.Request) bool {
	text := last(req)
	if i := strings.Index(text, "That answer"); i >= 0 { // a repair: the event is two messages before
		text = req.Messages[len(req.Messages)-3].Content
	}
	i := strings.LastIndex(text, "] Event ")
	var event, of int
	_, err := fmt.Sscanf(text[i:], "] Event %d of trace %d.", &event, &of)
	return err == nil && of == 2 && event >= 5
}
