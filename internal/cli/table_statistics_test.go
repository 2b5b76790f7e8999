package cli

import (
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/statistics"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

func statisticsOfARun() *statistics.Run {
	usd, tokens := 0.0292, 39_000.0
	used := llm.Usage{Calls: 2845, Prompt: 2_300_000, Cached: 1_380_000, Completion: 87_800, Replayed: 12, USD: 1.75}
	gym := &trace.Stats{Tally: trace.Tally{ProposalsAccepted: 300, SilencesAccepted: 500}}
	return &statistics.Run{Gym: gym, Run: "demo-1", State: store.Failed, Seconds: 47, Used: used, Before: used,
		Steps: []statistics.Step{
			{Step: "generate", Shards: make([]statistics.Shard, 4), Done: 4, Reused: 1, Seconds: 41, Used: used, Before: used,
				Rows:  &statistics.Rows{Planned: 64, Accepted: 60, Truncated: 3, Failed: 1, USDPerAccepted: &usd, TokensPerAccepted: &tokens},
				Roles: map[string]llm.Usage{"user": {Calls: 800, Prompt: 2_000_000, Cached: 1_500_000, Completion: 80_000}}},
			{Step: "predict", Roles: map[string]llm.Usage{"judge": {Calls: 3, Prompt: 900, Completion: 30}}},
			{Step: "reward", Shards: make([]statistics.Shard, 1), Failed: 1},
		},
		Failures: []statistics.Failure{{Failure: store.Failure{Step: "reward", ExitCode: 65, Cause: "row 7\x1b[2J", Hint: "mend it"}}}}
}

func TestStatisticsTable(t *testing.T) {
	var b strings.Builder
	if err := WriteStatistics(&b, 0, statisticsOfARun()); err != nil {
		t.Fatal(err)
	}
	want := strings.TrimPrefix(`
demo-1  Failed  47s

step                  shards  reused  time  calls  replayed  prompt  cached  completion   paid
────────────────────────────────────────────────────────────────────────────────────────────────
generate                 4/4       1   41s  2,845        12    2.3M     60%       87.8k  $1.75
predict                  0/0       0     –      –         –       –       –           –      –
reward                   0/1       0     –      –         –       –       –           –      –
all steps                              47s  2,845        12    2.3M     60%       87.8k  $1.75
reused, not paid now                        2,845        12    2.3M     60%       87.8k  $1.75

step      rows  accepted  truncated  rejected  failed  paid/accepted  tokens/accepted
───────────────────────────────────────────────────────────────────────────────────────
generate    64        60          3         0       1         $0.029            39.0k

step           role  calls  prompt  cached  completion  prompt/accepted  cached/accepted  completion/accepted
───────────────────────────────────────────────────────────────────────────────────────────────────────────────
generate       user    800    2.0M     75%       80.0k           2500.0           1875.0                100.0
generate  all roles  5,690    4.6M     60%      175.6k           5750.0           3450.0                219.5
predict       judge      3     900      0%          30                –                –                    –
/accepted: for each event after which the gym's user took the offer, or found silence right

reward/0 failed with exit code 65: row 7\u001b[2J
  → mend it
`, "\n")
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
