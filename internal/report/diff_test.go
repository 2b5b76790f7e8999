package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/audit/diff"
	"github.com/gymline/gymline/internal/gate"
	"github.com/gymline/gymline/internal/golden"
	"github.com/gymline/gymline/internal/why"
)

// The page says all of a diff, and no text of a run is markup.
func TestDiff(t *testing.T) {
	was, is, p := 0.444, 0.553, 0.03
	field := func(path string, was, is any) diff.Field {
		return diff.Field{Of: "careful" + hostile, Change: why.Change{Path: path, Was: was, Is: is}}
	}
	d := &diff.Diff{
		A:          diff.Run{Run: "nightly-1", State: "Succeeded", Created: "2026-11-01T03:00:00Z", Digest: "aaaaaaaaaaaaaaaa"},
		B:          diff.Run{Run: "nightly-2", State: "Succeeded", Created: "2026-11-02T03:00:00Z", Digest: "bbbbbbbbbbbbbbbb"},
		Parted:     &diff.Parted{Step: "predict", Shards: []diff.PartedShard{{Shard: 1, Name: "careful", Because: []string{"params.x 1 → 2" + hostile}}}},
		Experiment: []diff.Field{field("predict.tasks", 1, 2)},
		Models:     []diff.Field{field("m.temperature", nil, 0.7)},
		Prompts:    []diff.Prompt{{Of: "judge", Was: "same\nold" + hostile, Is: "same\nnew"}, {Of: "agent", Is: "own"}},
		Inputs:     []diff.Input{{Name: "samples", Files: []why.File{{Path: "a.txt", Is: "x"}}}, {Name: "other", Unread: "nightly-1"}},
		Artifacts: []diff.Artifact{
			{Step: "predict", Name: "careful", Output: "judged.jsonl", Was: []diff.Blob{{}}, Is: []diff.Blob{{}}, Rows: &diff.Rows{Same: 1_000_000, Changed: 2},
				Turns: &diff.Turns{Both: 9, Proposals: 1, Verdicts: 1, Shown: []diff.Flip{{Turn: "careful/x/1", Event: "event" + hostile, Was: diff.Answer{Verdict: "accepted"}, Is: diff.Answer{Proposals: []string{"help"}, Verdict: "rejected", Reason: "why" + hostile}}}}},
			{Step: "evaluate", Output: "metrics.json", Was: []diff.Blob{{}}, Is: []diff.Blob{{}}, FieldCount: 3},
			{Step: "predict", Name: "new", Output: "judged.jsonl", Is: []diff.Blob{{}}, Rows: &diff.Rows{}},
		},
		Scores: []diff.Score{{Candidate: "careful", Was: &was, Is: &is, Common: &gate.Comparison{Events: 95, Delta: 0.109, CI: &[2]float64{-0.019, 0.255}}, PHolm: &p}, {Candidate: "new", Is: &is}},
	}
	var b bytes.Buffer
	if err := WriteDiff(&b, d); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/diff.golden.html", b.Bytes()) // look at it in a browser
	if strings.Contains(b.String(), hostile) || strings.Contains(b.String(), "%!") {
		t.Error("a text is markup, or a figure is none")
	}
	b.Reset()
	if err := WriteDiff(&b, &diff.Diff{Equal: true}); err != nil || !strings.Contains(b.String(), "The runs are equal") {
		t.Errorf("%v: %s", err, b.String())
	}
}
