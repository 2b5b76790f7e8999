package rewardmodel

import (
	"math/rand/v2"

	"github.com/gymline/gymline/internal/madeup"
)

// A made row is a task that nobody proposed, rejected by construction.
type made struct {
	turn, task int32
	from       int32 // the group whose words it has, or none
}

const (
	// madeShare is what all made-up rows weigh together, as a share of the proposals.
	madeShare = 0.4
	// mostMade bounds how many there are.
	mostMade = 8192
)

// makeUp adds a made-up row beside each proposal that trains, or each second and so on where
// there are many, of every family in turn.
func (d *Dataset) makeUp(r *rand.Rand) {
	taught := d.taught
	if taught == nil {
		taught = madeup.Taught
	}
	if len(taught) == 0 {
		return
	}
	var proposals []int32
	for i := range d.rows {
		if d.rows[i].trains() {
			proposals = append(proposals, int32(i))
		}
	}
	step := (len(proposals) + mostMade - 1) / mostMade
	for n := 0; n*step < len(proposals); n++ {
		row := d.rows[proposals[n*step]]
		family, m := taught[n%len(taught)], made{turn: row.turn, from: none}
		if family.Every > 1 && n/len(taught)%family.Every > 0 {
			continue
		}
		of := madeup.From{Event: d.texts[d.turns[row.turn].text].text, Task: d.texts[row.task].text}
		if family.Far {
			other := d.elsewhere(r, proposals, row.group)
			if other == nil {
				continue
			}
			m.from = other.group
			of.Other, of.OtherEvent = d.texts[other.task].text, d.texts[d.turns[other.turn].text].text
		}
		m.task = d.text(family.Make(r, of))
		g := &d.groups[row.group]
		g.made = append(g.made, m)
	}
}

// elsewhere draws a proposal of another group; nil where there seems to be none.
func (d *Dataset) elsewhere(r *rand.Rand, proposals []int32, group int32) *row {
	for range 64 {
		if other := &d.rows[proposals[r.IntN(len(proposals))]]; other.group != group {
			return other
		}
	}
	return nil
}

// madeWeight is that of a made-up row in a model that holds out some groups.
func (t *trainer) madeWeight(f *fitting) float64 {
	n := 0
	for g := range t.groups {
		if t.fold[g] == f.fold {
			continue
		}
		for _, m := range t.groups[g].made {
			n += index(!t.holds(f, m.from))
		}
	}
	return ratio(madeShare*float64(f.accepts.rows()), float64(n))
}

// holds says that a model holds out a group.
func (t *trainer) holds(f *fitting, group int32) bool {
	return group != none && t.fold[group] == f.fold
}
