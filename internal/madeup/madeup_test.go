package madeup

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

const event = "The user searches the web for 'go float rounding money'."

func TestFamilies(t *testing.T) {
	of := From{Event: event, Task: "Find a package.", Other: "Book a hotel in Bern.", OtherEvent: "The user opens a map."}
	names := map[string]bool{}
	for _, f := range Taught {
		if names[f.Name] && f.Name != "foreign" {
			t.Errorf("%s is there twice", f.Name)
		}
		names[f.Name] = true
		first, again := f.Make(rand.New(rand.NewPCG(1, 2)), of), f.Make(rand.New(rand.NewPCG(1, 2)), of)
		if first == "" || first != again {
			t.Errorf("%s makes %q and %q", f.Name, first, again)
		}
		if far := strings.Contains(first, "Bern") || strings.Contains(first, "map"); far != f.Far {
			t.Errorf("%s makes %q, and Far is %v", f.Name, first, f.Far)
		}
		for _, empty := range []string{"", "The user ", "."} { // no event is too short
			f.Make(rand.New(rand.NewPCG(1, 2)), From{Event: empty})
		}
	}
}

func TestTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	if got, want := Echo(event), "Provide help and resources about this: searches the web for 'go float rounding money'."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := Nonsense(event), "Purple monkey dishwasher the web for 'go float rounding money'. refrigerate the moon."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	w := strings.Fields(Shuffled(r, event))
	slices.Sort(w)
	all := words(event)
	if slices.Sort(all); !slices.Equal(w, all) {
		t.Errorf("%q are not the words %q", w, all)
	}
	if Nonsense("") == "" || Partial(r, "") == "" || Echo("") == "" {
		t.Error("nothing is made of an empty event")
	}
}
