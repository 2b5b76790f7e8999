package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/statistics"
)

// TestEstimatesAreMarked: what the provider did not count has a sum like all else,
// and says that it is an estimate; where all was counted nothing is said.
func TestEstimatesAreMarked(t *testing.T) {
	for n, marked := range map[int64]bool{0: false, 6: true} {
		used := llm.Usage{Calls: 12, Prompt: 2700, Completion: 203, Estimated: n, USD: 0.017}
		var b strings.Builder
		if err := WriteStatistics(&b, 0, &statistics.Run{Run: "demo-1", State: progress.Succeeded, Used: used}); err != nil {
			t.Fatal(err)
		}
		if got := b.String(); !strings.Contains(got, "$0.017") || strings.Contains(got, "6 calls: they, and the dollars, are estimated") != marked {
			t.Errorf("%d estimated:\n%s", n, got)
		}
		got := play(t, TerminalOptions{}, []scene{
			{0, []progress.Event{{Type: progress.RunOpened, Run: "demo-1", Steps: []progress.StepShape{{Step: "predict", Shards: 1}}}}},
			{time.Second, []progress.Event{state("predict", 0, progress.Running)}},
			{time.Second, []progress.Event{{Type: progress.Progress, Step: "predict", Done: 6, Total: 6, Usage: &used}, state("predict", 0, progress.Succeeded)}},
			{time.Second, []progress.Event{{Type: progress.RunEnded, Run: "demo-1", State: progress.Succeeded}}},
		})
		if !strings.Contains(got, "$0.017") || strings.Contains(got, "6 calls not counted by the provider: estimated") != marked {
			t.Errorf("%d estimated:\n%s", n, got)
		}
	}
}
