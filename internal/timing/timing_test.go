package timing

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/similar"
)

// events are one letter each, ten seconds apart: y, n and - are help that was wanted, was
// not, and that nobody spoke of; capitals (and =) have an offer.
func events(word string) (list []Event) {
	for i, letter := range word {
		e := Event{Seconds: float64(10 * i), Offered: strings.ContainsRune("YN=", letter), Task: fmt.Sprintf("offer number %d of many that differ in all %d words", i, i*i)}
		switch letter {
		case 'y', 'Y':
			e.Need = Wanted
		case 'n', 'N':
			e.Need = Unwanted
		}
		list = append(list, e)
	}
	return list
}

func TestOf(t *testing.T) {
	for word, want := range map[string]Counts{
		"": {},
		// No help is ever wanted: no window, and no offer is early.
		"nNn": {Offers: 1, Unneeded: 1, Quiet: 2, ThenSilent: 1, Micros: 20e6},
		// One and two events before a window are early, three are not; its first event misses.
		"NNNyYyn": {Offers: 4, Unneeded: 1, Early: 2, Timely: 1, Missed: 2, Quiet: 1, Windows: 1, Caught: 1, Delay: 1, ThenOther: 2, ThenSilent: 1, Micros: 60e6},
		// An event that nobody spoke of ends a window, and its offer is neither.
		"yy=Yyy": {Offers: 2, Timely: 1, Missed: 4, Windows: 2, Caught: 1, Micros: 50e6},
		// After a window no offer is early for being within Ahead of its later events.
		"YNny": {Offers: 2, Timely: 1, Early: 1, Quiet: 1, Missed: 1, Windows: 2, Caught: 1, ThenSilent: 1, Micros: 30e6},
		// The last offer has nothing after it; an offer that nobody spoke of is none to recover from.
		"=NN": {Offers: 3, Unneeded: 2, ThenOther: 1, Micros: 20e6},
	} {
		if got := Of(events(word)); got != want {
			t.Errorf("%q: got  %+v\nwant %+v", word, got, want)
		}
	}
}

func TestActive(t *testing.T) {
	var list []Event
	for _, at := range []float64{100, 100.25, 90, 91.000001, 10_000, 10_000} {
		list = append(list, Event{Seconds: at})
	}
	if got := Of(list).Micros; got != 250_000+0+1_000_001+300_000_000 {
		t.Error(got)
	}
}

func TestRepeats(t *testing.T) {
	const words = "one two three four five six seven eight nine ten"
	offer := func(s string) Event { return Event{Offered: true, Need: Unwanted, Task: s} }
	// The second is as the first, but for case and stops; the third is like both, the fourth like none.
	like := strings.Replace(words, "ten", "eleven twelve", 1)
	list := []Event{offer(words), {}, offer(strings.ToUpper(words) + "!"), offer(like), offer("something else entirely now"), offer(words)}
	want := Counts{Offers: 5, Duplicates: 2, NearDuplicates: 3, Unneeded: 5, ThenSilent: 1, ThenSame: 1, ThenOther: 2}
	if got := Of(list); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	c := &similar.Corpus{}
	c.Add([]string{words}, nil)
	c.Add([]string{like}, nil)
	if s := c.Similarity(0, 1); s != 7./10 {
		t.Error(s)
	}
}

// Whatever the trace, what is counted in two ways adds up, and always and never offering
// come to what needs alone say.
func TestIdentities(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		var word []byte
		for range rng.IntN(40) {
			word = append(word, "yYnN-="[rng.IntN(6)])
		}
		list := events(string(word))
		c := Of(list)
		known := strings.Count(string(word), "Y") + strings.Count(string(word), "N")
		if c.Timely+c.Early+c.Unneeded != known || c.Known() != len(word)-strings.Count(string(word), "-")-strings.Count(string(word), "=") {
			t.Fatalf("%s: %+v", word, c)
		}
		always, never := slices.Clone(list), slices.Clone(list)
		for i := range list {
			always[i].Offered, never[i].Offered = true, false
		}
		a, n := Of(always), Of(never)
		if a.Caught != a.Windows || a.Delay != 0 || a.Missed+a.Quiet != 0 || a.Timely != c.Wanted() || a.Early+a.Unneeded != c.Unwanted() || a.Offers != len(list) {
			t.Fatalf("%s: always %+v", word, a)
		}
		if (n != Counts{Micros: c.Micros, Windows: c.Windows, Missed: c.Wanted(), Quiet: c.Unwanted()}) || a.Windows != c.Windows {
			t.Fatalf("%s: never %+v", word, n)
		}
		if sum := c.Add(a); sum.Add(n) != n.Add(a).Add(c) || sum.Offers != c.Offers+a.Offers {
			t.Fatal("adding up depends on the order")
		}
	}
}

// A trace of any length costs as its length, not as its square.
func TestLongTrace(t *testing.T) {
	list := events(strings.Repeat("YNnyN", 10_000))
	if c := Of(list); c.Offers != 30_000 || c.Windows != 20_000 {
		t.Errorf("%+v", c)
	}
}
