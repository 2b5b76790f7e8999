package finetuneexport

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
)

// What trainers would cut is told of, left out or refused, as the experiment says.
func TestRowsThatTrainersWouldCut(t *testing.T) {
	long := bytes.Replace(episodes(t), []byte("The user opens the browser."), []byte("The user reads "+strings.Repeat("a long page, and ", 1200)+"stops."), 1)
	p := params()
	kept := manifest(t, mustRun(t, p, long))
	if w := strings.Join(kept.Warnings(), "\n"); !strings.Contains(w, "agent: ") || !strings.Contains(w, "are longer than the 4,096 tokens") || !strings.Contains(w, "export.overlong") {
		t.Errorf("kept: %q", w)
	}
	if w := manifest(t, mustRun(t, p, episodes(t))).Warnings(); w != nil {
		t.Errorf("nothing is long: %q", w)
	}

	p.Overlong = overlongDrop
	res := mustRun(t, p, long)
	dropped := manifest(t, res)
	if dropped.Warnings() != nil {
		t.Errorf("dropped: %q", dropped.Warnings())
	}
	for i, s := range dropped.Sets {
		n := 0
		for _, over := range kept.Sets[i].Tokens.Over {
			n += over
		}
		if n == 0 || s.Rows.Causes[causeOverlong] != n || s.Tokens.Longest > s.Tokens.Cutoff {
			t.Errorf("%s: %d were over, and %+v", s.Name, n, s)
		}
	}

	p.Overlong = overlongFail
	if _, err := run(t, p, long); fault.Code(err) != fault.Permanent || !strings.Contains(err.Error(), "are longer than") || !strings.Contains(fault.Hint(err), "export.overlong") {
		t.Errorf("%v", err)
	}
	if _, err := run(t, p, episodes(t)); err != nil {
		t.Error(err)
	}
}

// Two exports with other rows have other cards, since Hugging Face's loader keeps
// what it has prepared by what a card says.
func TestNoTwoExportsShareACard(t *testing.T) {
	other := bytes.Replace(episodes(t), []byte("The user opens the browser."), []byte("The user opens a browser."), 1)
	a, b := mustRun(t, params(), episodes(t)), mustRun(t, params(), other)
	for _, card := range []string{"README.md", "trl/qwen2.5/README.md", "trl/llama3.1/README.md"} {
		first, second := a.Output(t, card), b.Output(t, card)
		if bytes.Equal(first, second) {
			t.Errorf("%s is the same", card)
		}
		for _, f := range manifest(t, a).Files {
			if f.Trainer == trl.name && f.Split != "" && strings.HasPrefix(card, "trl/"+f.Family) && !bytes.Contains(first, []byte(f.Digest)) {
				t.Errorf("%s does not name %s by its digest", card, f.Path)
			}
		}
	}
	if got := plan.ManifestOutput; !bytes.Contains(a.Output(t, got), []byte(`"cutoff": 4096`)) {
		t.Error("the manifest does not say how long rows may be")
	}
}
