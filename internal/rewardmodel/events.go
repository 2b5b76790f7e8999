package rewardmodel

import (
	"bytes"
	"slices"
	"sort"

	"github.com/gymline/gymline/internal/trace"
)

// An eventSet holds distinct events by the first bytes of their digests, sorted.
// Of 100,000 events it takes 600 kB, and one event in 2.8 billion that is not
// among them seems to be.
type eventSet []byte

const eventBytes = 6

// seen returns the events of the histories that train.
func (d *Dataset) seen() eventSet {
	var prints [][eventBytes]byte
	for i := range d.turns {
		if d.turns[i].learnt {
			prints = append(prints, d.turns[i].print)
		}
	}
	slices.SortFunc(prints, func(a, b [eventBytes]byte) int { return bytes.Compare(a[:], b[:]) })
	var set eventSet
	for _, p := range slices.Compact(prints) {
		set = append(set, p[:]...)
	}
	return set
}

// Seen says whether an event, by its time and text, was in the model's training
// rows, and so people's verdicts on what followed from it.
func (m *Model) Seen(e trace.Event) bool {
	sum, set := e.Digest(), m.Training.Events
	_, found := sort.Find(len(set)/eventBytes, func(i int) int {
		return bytes.Compare(sum[:eventBytes], set[i*eventBytes:(i+1)*eventBytes])
	})
	return found
}
