package reward

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/trace"
)

// A turn that curate left out is no row: neither learnt from nor in the ledger.
func TestExcludedTurnsAreNoRows(t *testing.T) {
	var curated bytes.Buffer
	var want []string
	err := job.Decode(bytes.NewReader(episodes(t, 0, 8)), "episodes", func(n int, e *trace.Episode) error {
		for i := range e.Turns {
			if e.Turns[i].Judgement != nil && (n+i)%3 == 0 {
				e.Turns[i].Excluded = "above the quota"
			}
		}
		for _, row := range e.Judged() {
			want = append(want, row.ID)
		}
		return json.NewEncoder(&curated).Encode(e)
	})
	if err != nil {
		t.Fatal(err)
	}
	res, err := jobtest.Run(t, jobtest.Case{Job: plan.JobReward, Func: Run, Params: params, Seed: 7,
		Upstream: map[string][][]byte{EpisodesInput: {curated.Bytes()}}})
	if err != nil {
		t.Fatal(err)
	}
	list, counts := ledger(t, res)
	var got []string
	for _, r := range list {
		if r.State == rows.Accepted {
			got = append(got, r.ID)
		}
	}
	if !slices.Equal(got, want) || counts.Planned != len(want)+counts.Causes[causeUnjudged] || counts.Causes[causeUnjudged] != 16 {
		t.Errorf("accepted %d of %d, and %+v", len(got), len(want), counts)
	}
}
