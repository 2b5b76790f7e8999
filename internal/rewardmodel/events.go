package rewardmodel

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"sort"

	"github.com/gymline/gymline/internal/trace"
)

// An eventSet holds distinct events by the first bytes of their digests, sorted.
// Of 100,000 events it takes 600 kB, and one event in 2.8 billion that is not
// among them seems to be.
type eventSet []byte

const eventBytes = 6

// digest tells events apart by their time and text.
func digest(e trace.Event) [sha256.Size]byte {
	return sha256.Sum256([]byte(e.Time + "\x00" + e.Text))
}

// seen returns the events of the histories that train.
func (d *Dataset) seen() eventSet {
	var prints [][eventBytes]byte
	walked := make([]bool, len(d.turns))
	for g := range d.groups {
		for t := range d.training(g, walked) {
			prints = append(prints, t.print)
		}
	}
	slices.SortFunc(prints, func(a, b [eventBytes]byte) int { return bytes.Compare(a[:], b[:]) })
	prints = slices.Compact(prints)
	var set eventSet
	for _, p := range prints {
		set = append(set, p[:]...)
	}
	return set
}

// Seen says whether an event, by its time and text, was in the model's training
// rows, and so people's verdicts on what followed from it.
func (m *Model) Seen(e trace.Event) bool {
	sum := digest(e)
	set, want := m.Training.Events, sum[:eventBytes]
	n := len(set) / eventBytes
	at := func(i int) []byte { return set[i*eventBytes : (i+1)*eventBytes] }
	i := sort.Search(n, func(i int) bool { return bytes.Compare(at(i), want) >= 0 })
	return i < n && bytes.Equal(at(i), want)
}
