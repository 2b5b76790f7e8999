package curate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/trace"
)

// What is shown of the pairs.
const (
	maxPairs = 5   // of a cause
	maxText  = 300 // letters
)

// pairs keeps the pairs of each cause that are nearest to its threshold: what a
// person looks at to tell whether the threshold is right.
type pairs struct {
	lists [causes][]trace.CurationPair
	texts map[string]string // of what they name
}

func (p *pairs) add(why cause, id, like string, similarity float64) {
	list := p.lists[why]
	at := len(list)
	for at > 0 && list[at-1].Similarity > similarity {
		at--
	}
	if at < maxPairs {
		list = slices.Insert(list, at, trace.CurationPair{Cause: names[why], ID: id, Like: like, Similarity: similarity})
		p.lists[why] = list[:min(len(list), maxPairs)]
	}
}

// recall asks for the texts of the pairs, and finds those of scenes and of the
// benchmark. Those of turns are met when the episodes are read again.
func (c *curator) recall(ctx context.Context) error {
	p := &c.pairs
	for _, list := range p.lists {
		for _, pair := range list {
			p.texts[pair.ID], p.texts[pair.Like] = "", ""
		}
	}
	for _, e := range c.gate.Events() {
		p.met(e.ID, func() string { return e.Text })
	}
	if len(p.lists[sceneDuplicate]) == 0 {
		return nil
	}
	return job.Each(ctx, c.task, "written-scenes", func(_ int, s *trace.Scene) error {
		p.met(s.ID, func() string { return s.User.Goal + " " + s.User.Description })
		return nil
	})
}

// met keeps a text that is asked for.
func (p *pairs) met(id string, text func() string) {
	if _, ok := p.texts[id]; !ok {
		return
	}
	t := []rune(text())
	if len(t) > maxText {
		t = append(t[:maxText-1], '…')
	}
	p.texts[id] = string(t)
}

func (p *pairs) list() []trace.CurationPair {
	all := []trace.CurationPair{}
	for _, list := range p.lists {
		for _, pair := range list {
			pair.Text, pair.LikeText = p.texts[pair.ID], p.texts[pair.Like]
			all = append(all, pair)
		}
	}
	return all
}

// textOf is a turn as it is compared.
func textOf(t *trace.Turn) string {
	if len(t.Proposals) == 0 {
		return t.Event.Text
	}
	return fmt.Sprintf("%s → %s", t.Event.Text, strings.Join(t.Proposals, " | "))
}
