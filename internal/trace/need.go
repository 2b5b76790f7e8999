package trace

import (
	"context"
	"crypto/sha256"
)

// Needs are what people said of whether help was wanted, by the events up to then.
type Needs struct {
	said map[past]*bool // nil: they contradict one another
	// Disputed is on how many histories rows contradict one another: they say nothing.
	Disputed int
}

// A past tells histories apart.
type past [sha256.Size]byte

// then is the past with one more event.
func (p past) then(e Event) past {
	var both [2 * sha256.Size]byte
	sum := e.Digest()
	copy(both[copy(both[:], p[:]):], sum[:])
	return sha256.Sum256(both[:])
}

// ReadNeeds reads what rows of reward data say of need (help_needed), as ReadRewardData does.
func ReadNeeds(ctx context.Context, files Opener, dir string) (*Needs, error) {
	n := &Needs{said: map[past]*bool{}}
	err := ReadRewardData(ctx, files, dir, func(r RewardRow) error {
		need := r.Judged.HelpNeeded
		if r.Cause != "" || need == nil {
			return nil
		}
		var p past
		for _, e := range r.Judged.History {
			p = p.then(e)
		}
		switch first, known := n.said[p]; {
		case !known:
			n.said[p] = need
		case first != nil && *first != *need:
			n.said[p] = nil
			n.Disputed++
		}
		return nil
	})
	return n, err
}

// Along is what people said after each event of a trace; nil where they said nothing.
func (n *Needs) Along(t *Trace) []*bool {
	list := make([]*bool, len(t.Turns))
	var p past
	for i, turn := range t.Turns {
		p = p.then(turn.Event)
		list[i] = n.said[p]
	}
	return list
}

// Known is how many events of traces people said something of.
func (n *Needs) Known(traces []Trace) (known int) {
	for i := range traces {
		for _, need := range n.Along(&traces[i]) {
			if need != nil {
				known++
			}
		}
	}
	return known
}
