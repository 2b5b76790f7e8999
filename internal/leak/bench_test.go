package leak

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gymline/gymline/internal/trace"
)

// mould makes events as environments write them: few frames, many things.
func mould(rng *rand.Rand) string {
	frames := []string{
		"The user scrolled through the search results for '%s' in Chrome.", "The user opened the file '%s' in Visual Studio Code and pressed 'Enter'.",
		"The user switched back to the browser and clicked on the link '%s' of the page.", "The editor reports an error in '%s' after the user saved it.",
		"User searches for '%s' on Bing and lands on a search results page.", "The user copied a line of '%s' and pasted it into the chat window.",
	}
	thing := fmt.Sprintf("word%d word%d word%d", rng.IntN(3000), rng.IntN(3000), rng.IntN(3000))
	if rng.IntN(5) == 0 {
		thing += " 如何验证电子邮件地址"
	}
	return fmt.Sprintf(frames[rng.IntN(len(frames))], thing)
}

// Looking a row up in benchmarks of usual and of great size.
func BenchmarkFind(b *testing.B) {
	for _, events := range []int{233, 10_000} {
		for _, similarity := range []float64{0.8, Similarity} {
			b.Run(fmt.Sprintf("events=%d/similarity=%v", events, similarity), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(7, 7))
				var turns []trace.Turn
				for range events {
					turns = append(turns, trace.Turn{Event: trace.Event{Text: mould(rng)}})
				}
				gate := New([]trace.Trace{{ID: "x", Turns: turns}}, similarity)
				texts := make([]string, 10_000)
				for i := range texts {
					texts[i] = mould(rng)
				}
				for i := 0; b.Loop(); i++ {
					gate.Find(texts[i%len(texts)])
				}
				if gate.Unfinished() > 0 {
					b.Errorf("%d searches were given up", gate.Unfinished())
				}
			})
		}
	}
}
