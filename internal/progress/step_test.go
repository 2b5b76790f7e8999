package progress

import (
	"testing"

	"github.com/gymline/gymline/internal/llm"
)

func state(s string, attempt int) Event {
	return Event{Type: StepState, Step: "predict", State: s, Attempt: attempt}
}

func counts(done, failed, calls, limited int64) Event {
	return Event{Type: Progress, Step: "predict", Done: done, Total: 100, Failed: failed, InFlight: 8, Waiting: 2,
		Usage: &llm.Usage{Calls: calls, Prompt: 10 * calls, USD: 0.5 * float64(calls)}, Errors: &llm.Errors{RateLimited: limited}}
}

// What was used never goes back, whether the failed attempt's end was seen
// (local) or only the next one's beginning (a cluster that was out of reach).
func TestARetryKeepsWhatWasUsed(t *testing.T) {
	for name, retry := range map[string][]Event{
		"seen":   {state(Retrying, 1), state(Running, 2)},
		"missed": {state(Running, 2)},
	} {
		var s Step
		s.Take(state(Running, 1))
		s.Take(counts(30, 2, 60, 3))
		for _, e := range retry {
			s.Take(e)
		}
		if sum := s.Sum(); sum.Usage.Calls != 60 || sum.Errors.RateLimited != 3 || sum.Done != 0 || sum.Failed != 0 || sum.InFlight != 0 || sum.Waiting != 0 {
			t.Errorf("%s: between two attempts: %+v", name, sum)
		}
		s.Take(counts(10, 0, 20, 1))
		sum := s.Sum()
		if sum.Usage.Calls != 80 || sum.Usage.Prompt != 800 || sum.Usage.USD != 40 || sum.Errors.RateLimited != 4 || sum.Done != 10 || sum.Failed != 0 || sum.InFlight != 8 || sum.Waiting != 2 {
			t.Errorf("%s: after it: %+v", name, sum)
		}
		if most := s.Shards[0].Most; most.Done != 28 || most.Failed != 2 {
			t.Errorf("%s: the most of any attempt: %+v", name, most)
		}
		s.Take(state(Succeeded, 2))
		if sum := s.Sum(); sum.InFlight != 0 || sum.Waiting != 0 || sum.Usage.Calls != 80 {
			t.Errorf("%s: at the end: %+v", name, sum)
		}
	}
}

func TestTotalsOfShardsThatWaitAreGuessed(t *testing.T) {
	var s Step
	s.Grow(4)
	s.Take(Event{Type: StepState, Shard: 3, State: Reused})
	s.Take(Event{Type: Progress, Shard: 0, Done: 5, Total: 25})
	if sum := s.Sum(); sum.Total != 75 || !sum.Guessed || sum.Reused != 1 {
		t.Errorf("%+v, want a guess of 75 rows for the three shards that are not reused", sum)
	}
	s.Take(Event{Type: Progress, Shard: 1, Total: 20})
	s.Take(Event{Type: Progress, Shard: 2, Total: 20})
	if sum := s.Sum(); sum.Total != 65 || sum.Guessed {
		t.Errorf("%+v", sum)
	}
}
