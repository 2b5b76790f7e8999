package sim

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// TestSigns looks for signs in sentences of the words that signs are of: what is
// looked for first leaves none out.
func TestSigns(t *testing.T) {
	signs := map[string]sign{"failing": failingSign, "searching": searchingSign, "done": doneSign, "repeating": repeatingSign}
	pool := strings.Fields("The user reads a file OneError, x_errors errorless an no without problems")
	for _, s := range signs {
		plain := regexp.MustCompile(`\\w\*|\(\?i\)|\\b|[()?]|\[sd\]`).ReplaceAllString(s.words.String(), "")
		for _, part := range strings.Split(plain, "|") {
			pool = append(pool, strings.Fields(part)...)
		}
		for _, suffix := range []string{"s", "ed", "es", "d", "ure"} {
			for _, part := range s.in {
				pool = append(pool, part, part+suffix, strings.ToUpper(part))
			}
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	shown := map[string]int{}
	for range 10_000 {
		words := make([]string, 1+rng.IntN(4))
		for i := range words {
			words[i] = pool[rng.IntN(len(pool))]
		}
		event := strings.Join(words, []string{" ", ", ", "-"}[rng.IntN(3)])
		for name, s := range signs {
			want := s.words.MatchString(event)
			if s.of(event) != want {
				t.Fatalf("%s: %q shows it: %t, want %t", name, event, !want, want)
			}
			if want {
				shown[name]++
			}
		}
	}
	for name := range signs {
		if shown[name] < 100 {
			t.Errorf("%s was shown %d times", name, shown[name])
		}
	}
}
