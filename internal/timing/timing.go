// Package timing counts when a candidate offers help, by what people said of whether help
// was wanted then. No judge has part in it, and no text but for offers that are repeated.
package timing

import (
	"math"

	"github.com/gymline/gymline/internal/similar"
)

// A Need is whether people said that help was wanted after an event.
type Need int8

// The needs; of Unknown nobody said anything.
const (
	Unknown Need = iota
	Wanted
	Unwanted
)

// An Event is one of a trace, and what a candidate did after it.
type Event struct {
	Seconds float64 // since whatever its trace counts from
	Need    Need
	Offered bool
	Task    string // the first that was offered
}

const (
	// Idle is the longest time between two events that counts as active.
	Idle = 300.0
	// Ahead is how many events before a window an offer is early, and not unneeded.
	Ahead = 2
	// Same and Like are similarities from which an offer repeats an earlier one.
	Same = 0.9
	Like = 0.5
)

// Counts are of one candidate's traces. Windows are runs of events at which help was wanted,
// as long as they can be: an event that nobody spoke of ends one.
type Counts struct {
	// Offers are events with an offer, of all events.
	Offers int `json:"offers"`
	// Micros are microseconds of activity: between events, no more than Idle each.
	Micros int64 `json:"-"`
	// Duplicates are offers that are like an earlier one of their trace, at Same, and
	// NearDuplicates at Like.
	Duplicates     int `json:"duplicates"`
	NearDuplicates int `json:"nearDuplicates"`
	// Windows are all, Caught those with an offer inside, and Delay the events from
	// their first to the first with an offer, of all that were caught.
	Windows int `json:"windows"`
	Caught  int `json:"caught"`
	Delay   int `json:"delay"`
	// Timely are offers when help was wanted. Of those when it was not, Early have a window
	// begin within Ahead events, and Unneeded are the others.
	Timely   int `json:"timely"`
	Early    int `json:"early"`
	Unneeded int `json:"unneeded"`
	// Missed and Quiet are silences when help was wanted, and was not.
	Missed int `json:"missed"`
	Quiet  int `json:"quiet"`
	// What came at the event after an offer that nobody wanted: silence, an offer Like it,
	// or another one.
	ThenSilent int `json:"thenSilent"`
	ThenSame   int `json:"thenSame"`
	ThenOther  int `json:"thenOther"`
}

// Of counts one trace.
func Of(events []Event) Counts {
	c := Counts{}
	offers := &similar.Corpus{}
	for i, e := range events {
		if i > 0 {
			c.Micros += int64(math.Round(1e6 * min(max(0, e.Seconds-events[i-1].Seconds), Idle)))
		}
		if e.Offered {
			c.Offers++
			offers.Add([]string{e.Task}, nil)
		}
		c.need(events, i)
		if begins(events, i) {
			c.window(events[i:])
		}
	}
	c.repeats(offers)
	c.recovery(events, offers)
	return c
}

// need counts an event that people spoke of.
func (c *Counts) need(events []Event, i int) {
	switch e := events[i]; {
	case e.Need == Wanted && e.Offered:
		c.Timely++
	case e.Need == Wanted:
		c.Missed++
	case e.Need == Unwanted && !e.Offered:
		c.Quiet++
	case e.Need == Unwanted && soon(events, i):
		c.Early++
	case e.Need == Unwanted:
		c.Unneeded++
	}
}

// soon reports whether a window begins within Ahead events after one.
func soon(events []Event, i int) bool {
	for j := i + 1; j <= i+Ahead; j++ {
		if begins(events, j) {
			return true
		}
	}
	return false
}

// begins reports whether an event is the first of a window.
func begins(events []Event, i int) bool {
	return i < len(events) && events[i].Need == Wanted && (i == 0 || events[i-1].Need != Wanted)
}

// window counts the one that begins with the first event.
func (c *Counts) window(events []Event) {
	c.Windows++
	for i, e := range events {
		if e.Need != Wanted {
			return
		}
		if e.Offered {
			c.Caught++
			c.Delay += i
			return
		}
	}
}

// repeats counts offers that are like an earlier one.
func (c *Counts) repeats(offers *similar.Corpus) {
	earlier := similar.Within(offers, Like)
	for i := range offers.Len() {
		if m, ok := earlier.Nearest(i); ok {
			c.NearDuplicates++
			if m.Similarity >= Same {
				c.Duplicates++
			}
		}
		earlier.Add(i)
	}
}

// recovery counts what follows on offers that nobody wanted.
func (c *Counts) recovery(events []Event, offers *similar.Corpus) {
	at := 0 // offers so far
	for i, e := range events {
		if !e.Offered {
			continue
		}
		at++
		switch {
		case e.Need != Unwanted || i+1 == len(events):
		case !events[i+1].Offered:
			c.ThenSilent++
		case offers.Similarity(at-1, at) >= Like:
			c.ThenSame++
		default:
			c.ThenOther++
		}
	}
}

// Add returns the sum of c and d.
func (c Counts) Add(d Counts) Counts {
	return Counts{
		Offers: c.Offers + d.Offers, Micros: c.Micros + d.Micros,
		Duplicates: c.Duplicates + d.Duplicates, NearDuplicates: c.NearDuplicates + d.NearDuplicates,
		Windows: c.Windows + d.Windows, Caught: c.Caught + d.Caught, Delay: c.Delay + d.Delay,
		Timely: c.Timely + d.Timely, Early: c.Early + d.Early, Unneeded: c.Unneeded + d.Unneeded,
		Missed: c.Missed + d.Missed, Quiet: c.Quiet + d.Quiet,
		ThenSilent: c.ThenSilent + d.ThenSilent, ThenSame: c.ThenSame + d.ThenSame, ThenOther: c.ThenOther + d.ThenOther,
	}
}

// Known is how many events people spoke of.
func (c Counts) Known() int { return c.Wanted() + c.Unwanted() }

// Wanted is at how many events they wanted help, and Unwanted at how many they did not.
func (c Counts) Wanted() int { return c.Timely + c.Missed }

// Unwanted is at how many events they said that they wanted none.
func (c Counts) Unwanted() int { return c.Early + c.Unneeded + c.Quiet }
