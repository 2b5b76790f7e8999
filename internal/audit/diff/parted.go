package diff

import (
	"context"
	"fmt"
	"slices"

	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/why"
)

// Parted is the earliest step at which two runs are not the same: what follows it may
// differ for no other reason.
type Parted struct {
	Step   store.StepName `json:"step"`
	Shards []PartedShard  `json:"shards"`
}

// A PartedShard is one of that step.
type PartedShard struct {
	Shard int    `json:"shard"` // in B, or in A where B has none
	Name  string `json:"name,omitempty"`
	// Because is which part of the work key is another, or that the same work came to
	// something else.
	Because []string `json:"because"`
}

// A couple is a shard of A and its counterpart in B; -1: there is none.
type couple struct {
	a, b int
	name string
}

// couples pairs the shards of a step that both runs may have.
func (p *pair) couples(name store.StepName) (list []couple) {
	a, b := p.a.step(name), p.b.step(name)
	taken := map[int]bool{}
	if b != nil {
		for shard := range b.Step.Shards {
			c := couple{a: -1, b: shard, name: why.NameOf(b.Of(shard))}
			if a != nil {
				c.a = why.Counterpart(a.Step, b.Step, shard)
				if a.Each == nil && shard >= a.Step.Shards { // whose rows moved to others
					c.a = -1
				}
			}
			taken[c.a] = true
			list = append(list, c)
		}
	}
	if a != nil {
		for shard := range a.Step.Shards {
			if !taken[shard] {
				list = append(list, couple{shard, -1, why.NameOf(a.Of(shard))})
			}
		}
	}
	return list
}

// parted finds the earliest step at which the runs part, and lists what one has not done.
func (p *pair) parted(ctx context.Context) error {
	for _, name := range p.steps() {
		var shards []PartedShard
		for _, c := range p.couples(name) {
			because, err := p.because(ctx, name, c)
			if err != nil {
				return err
			}
			if because == nil {
				continue
			}
			if s := (PartedShard{max(c.b, 0), c.name, because}); c.b < 0 {
				s.Shard = c.a
				shards = append(shards, s)
			} else {
				shards = append(shards, s)
			}
		}
		if shards != nil && p.result.Parted == nil {
			p.result.Parted = &Parted{name, shards}
		}
	}
	return nil
}

// because says why two shards are not the same; nil: they are.
func (p *pair) because(ctx context.Context, name store.StepName, c couple) ([]string, error) {
	a, b := p.a.step(name), p.b.step(name)
	switch {
	case a == nil:
		return []string{fmt.Sprintf("%s had no such step", p.a.ID)}, nil
	case b == nil:
		return []string{fmt.Sprintf("%s has no such step", p.b.ID)}, nil
	case c.a < 0:
		return []string{fmt.Sprintf("%s had no such shard", p.a.ID)}, nil
	case c.b < 0:
		return []string{fmt.Sprintf("%s has no such shard", p.b.ID)}, nil
	}
	list, err := why.Differences(ctx, p.a.plan, p.b.plan, name, c.a, c.b)
	if err != nil {
		return nil, err
	}
	was, is := a.Shards[c.a].Record, b.Shards[c.b].Record
	if undone := p.undone(name, c, was, is); undone != "" {
		p.result.Unfinished = append(p.result.Unfinished, undone)
		return append(list, undone), nil
	}
	if was == nil || len(list) > 0 {
		return list, nil
	}
	other := otherOutputs(was, is)
	switch {
	case was.WorkKey == is.WorkKey && other != nil:
		return []string{fmt.Sprintf("the same work came to something else: %s", some(other))}, nil
	case was.WorkKey != is.WorkKey:
		return []string{"what it reads of the steps before it"}, nil
	}
	return nil, nil
}

// undone says which of two shards is not done where the other is.
func (p *pair) undone(name store.StepName, c couple, was, is *store.Step) string {
	switch {
	case was == nil && is != nil:
		return fmt.Sprintf("%s did not finish %s/%d", p.a.ID, name, c.a)
	case was != nil && is == nil:
		return fmt.Sprintf("%s did not finish %s/%d", p.b.ID, name, c.b)
	}
	return ""
}

// otherOutputs are the names of outputs that are not the same.
func otherOutputs(was, is *store.Step) (names []string) {
	for _, a := range is.Outputs {
		if old, err := was.Output(a.Name); err != nil || old.Digest != a.Digest {
			names = append(names, a.Name)
		}
	}
	for _, a := range was.Outputs {
		if _, err := is.Output(a.Name); err != nil {
			names = append(names, a.Name)
		}
	}
	return names
}

// mostNamed are told of a list in a sentence.
const mostNamed = 3

func some(list []string) string {
	text := ""
	for i, s := range list[:min(len(list), mostNamed)] {
		if i > 0 {
			text += ", "
		}
		text += s
	}
	if more := len(list) - mostNamed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// outputsOf are what shards of a step made, by the outputs' names in order.
func outputsOf(step *run.Step, shards []int) (names []string, of map[string][]store.Artifact) {
	of = map[string][]store.Artifact{}
	for _, shard := range shards {
		if step == nil || shard < 0 || step.Shards[shard].Record == nil {
			continue
		}
		for _, a := range step.Shards[shard].Record.Outputs {
			if !slices.Contains(names, a.Name) {
				names = append(names, a.Name)
			}
			of[a.Name] = append(of[a.Name], a)
		}
	}
	return names, of
}
