package rewardmodel

import (
	"cmp"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/madeup"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/trace"
)

// A trick makes a task out of what happened; other is another trace.
type trick func(r *rand.Rand, history, other []trace.Event) string

func last(h []trace.Event) string { return h[len(h)-1].Text }

// said are an event's words without "The user" and full stop.
func said(h []trace.Event, ago int) []string {
	return strings.Fields(strings.TrimSuffix(strings.TrimPrefix(h[max(0, len(h)-1-ago)].Text, "The user "), "."))
}

func every(w []string, keep func(i int) bool) string {
	var left []string
	for i, word := range w {
		if keep(i) {
			left = append(left, word)
		}
	}
	return strings.Join(left, " ")
}

// tricks are by the family that is nearest to them: with that family left out of training,
// none of them was ever seen.
var tricks = map[string]map[string]trick{
	"echo": {
		"echo": func(_ *rand.Rand, h, _ []trace.Event) string { return madeup.Echo(last(h)) },
		"offer": func(_ *rand.Rand, h, _ []trace.Event) string {
			return "Offer assistance with " + strings.Join(said(h, 0), " ") + "."
		},
		"bare": func(_ *rand.Rand, h, _ []trace.Event) string { return last(h) },
		"search": func(_ *rand.Rand, h, _ []trace.Event) string {
			return "Search for " + strings.Join(said(h, 0), " ") + " guides, tutorials and solutions."
		},
	},
	"shuffled": {"shuffled": func(r *rand.Rand, h, _ []trace.Event) string { return madeup.Shuffled(r, last(h)) }},
	"foreign": {"an event elsewhere": func(r *rand.Rand, h, other []trace.Event) string {
		return "Offer assistance with " + strings.Join(said(other, r.IntN(len(other))), " ") + "."
	}},
	"constant": {"constant": func(*rand.Rand, []trace.Event, []trace.Event) string { return madeup.Constant }},
	"skipping": {
		"every second word": func(_ *rand.Rand, h, _ []trace.Event) string {
			return "Provide help about " + every(said(h, 0), func(i int) bool { return i%2 == 0 }) + "."
		},
		"two of three": func(_ *rand.Rand, h, _ []trace.Event) string {
			return "Provide help about " + every(said(h, 0), func(i int) bool { return i%3 != 2 }) + "."
		},
		"three of four": func(_ *rand.Rand, h, _ []trace.Event) string {
			return "Assist with " + every(said(h, 0), func(i int) bool { return i%4 != 3 }) + "."
		},
	},
	"some": {
		"a third of the words": func(r *rand.Rand, h, _ []trace.Event) string {
			return "Help with " + every(said(h, 0), func(int) bool { return r.IntN(3) == 0 }) + "."
		},
		"half of the words": func(r *rand.Rand, h, _ []trace.Event) string { return madeup.Partial(r, last(h)) },
	},
	"edge": {
		"last five words": func(_ *rand.Rand, h, _ []trace.Event) string {
			w := said(h, 0)
			return "Provide help and resources about " + strings.Join(w[max(0, len(w)-5):], " ") + "."
		},
		"last eight words": func(_ *rand.Rand, h, _ []trace.Event) string {
			w := said(h, 0)
			return "Provide help with " + strings.Join(w[max(0, len(w)-8):], " ") + "."
		},
		"first five words": func(_ *rand.Rand, h, _ []trace.Event) string {
			w := said(h, 0)
			return "Help the user to " + strings.Join(w[:min(5, len(w))], " ") + "."
		},
		"first half": func(_ *rand.Rand, h, _ []trace.Event) string {
			w := said(h, 0)
			return "Help the user to " + strings.Join(w[:(len(w)+1)/2], " ") + "."
		},
	},
	"reversed": {"reversed": func(_ *rand.Rand, h, _ []trace.Event) string {
		w := said(h, 0)
		slices.Reverse(w)
		return "Provide assistance on " + strings.Join(w, " ") + "."
	}},
	"salad": {"soup": func(r *rand.Rand, _, _ []trace.Event) string {
		var w []string
		for range 10 {
			w = append(w, strings.Fields("purple monkey dishwasher lantern refrigerate moon gravel violin pepper umbrella")[r.IntN(10)])
		}
		return strings.Join(w, " ")
	}},
	"": { // never taught
		"nonsense":    func(_ *rand.Rand, h, _ []trace.Event) string { return madeup.Nonsense(last(h)) },
		"interleaved": func(_ *rand.Rand, h, _ []trace.Event) string { return strings.Join(said(h, 0), " purple ") },
		"the one before": func(_ *rand.Rand, h, _ []trace.Event) string {
			return "Offer assistance with " + strings.Join(said(h, 1), " ") + "."
		},
		"the four before": func(_ *rand.Rand, h, _ []trace.Event) string {
			return "Offer assistance with " + strings.Join(said(h, 4), " ") + "."
		},
	},
}

// benchmark reads the traces that candidates are scored on, and the recordings.
func benchmark(t *testing.T) (traces []trace.Trace, recorded map[string][][]trace.Answer) {
	t.Helper()
	dir := osFiles(dataDir())
	traces, err := trace.ReadBenchmark(t.Context(), dir, "test_data")
	if err != nil {
		t.Fatal(err)
	}
	recorded = map[string][][]trace.Answer{}
	for _, d := range []string{cmp.Or(os.Getenv("GYMLINE_RECORDINGS"), filepath.Join(dataDir(), "traces"))} {
		folders, _ := filepath.Glob(d + "/*")
		for _, f := range folders {
			a, err := trace.ReadRecorded(t.Context(), osFiles(filepath.Dir(f)), filepath.Base(f), traces)
			if err != nil {
				t.Fatal(err)
			}
			recorded[filepath.Base(f)] = a
		}
	}
	return traces, recorded
}

// f1 is the score of who proposes these tasks; "" is silence.
func (m *Model) f1(traces []trace.Trace, propose func(i, j int, history []trace.Event) []string) float64 {
	var c metrics.Counts
	for i := range traces {
		s := m.Scorer()
		var h []trace.Event
		for j := range traces[i].Turns {
			h = append(h, traces[i].Turns[j].Event)
			tasks, accepted := propose(i, j, h), false
			for k := range tasks {
				accepted = accepted || s.Score(h, &tasks[k]).Accepted
			}
			if len(tasks) == 0 {
				accepted = s.Score(h, nil).Accepted
			}
			c = c.Add(metrics.Of(len(tasks) > 0, accepted))
		}
	}
	return 100 * c.F1()
}

func (m *Model) tricked(traces []trace.Trace, by trick) float64 {
	r := rand.New(rand.NewPCG(1, 2))
	return m.f1(traces, func(i, _ int, h []trace.Event) []string {
		var other []trace.Event
		for _, turn := range traces[(i+1)%len(traces)].Turns {
			other = append(other, turn.Event)
		}
		return []string{by(r, h, other)}
	})
}

// quoted offers what the event quotes, or else its last words: people often want that.
func quoted(_ *rand.Rand, h, _ []trace.Event) string {
	list := slices.Collect(quotes(last(h)))
	if list == nil {
		w := said(h, 0)
		list = w[max(0, len(w)-3):]
	}
	return "Provide help and resources about " + strings.Join(list, " ") + "."
}

// paddings are ways to say more without offering more.
var paddings = map[string]func(task string, h []trace.Event) string{
	"":      func(task string, _ []trace.Event) string { return task },
	"twice": func(task string, _ []trace.Event) string { return task + " " + task },
	"filler": func(task string, _ []trace.Event) string {
		return task + " I will provide clear, helpful, detailed tips, resources, examples and best practices for this."
	},
	"inside": func(task string, _ []trace.Event) string {
		return strings.TrimSuffix(task, ".") + ", with clear, helpful, detailed tips, resources, examples and best practices."
	},
	"event": func(task string, h []trace.Event) string { return task + " " + last(h) },
}

// without trains with a family of made-up rows left out; "" leaves out none.
func without(t *testing.T, rows []trace.Judged, family string) (*Model, *Metrics) {
	t.Helper()
	d := &Dataset{taught: slices.DeleteFunc(slices.Clone(madeup.Taught), func(f madeup.Family) bool { return f.Name == family })}
	for i := range rows {
		d.Add(&rows[i])
	}
	o := options(7)
	o.Resamples = 1
	m, measured, err := d.Train(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return m, measured
}

// TestProactiveBenchIsNotGamed holds the model to what it must not accept: every family of
// tricks stays below an F1 of 30, also where it is left out of training, and below every
// recorded model; and more words earn nothing. What is logged is docs/reward-model.md's table.
func TestProactiveBenchIsNotGamed(t *testing.T) {
	t.Parallel()
	rows := proactiveBench(t)
	traces, recorded := benchmark(t)
	model, measured := without(t, rows, "")
	auc := measured.CrossValidation.Proposals.AUC
	if t.Logf("cross-validation of proposals: AUC %.3f", auc); auc < 0.68 {
		t.Errorf("an AUC of %.3f on proposals of traces held out, want .68", auc)
	}
	props := slices.DeleteFunc(slices.Clone(rows), func(r trace.Judged) bool { return r.Task == nil })
	tricks[""]["a task elsewhere"] = func(r *rand.Rand, _, _ []trace.Event) string { return *props[r.IntN(len(props))].Task }
	t.Logf("what is quoted: F1 %.1f", model.tricked(traces, quoted))
	most := 0.
	for family, list := range tricks {
		other := model
		if family != "" {
			other, _ = without(t, rows, family)
		}
		for name, by := range list {
			f1, untaught := model.tricked(traces, by), other.tricked(traces, by)
			t.Logf("%s: F1 %.1f, and %.1f without the family %q", name, f1, untaught, family)
			limit := 30.
			if family == "foreign" || family == "edge" { // nothing else that is taught is like them
				limit = 44
			}
			if most = max(most, f1, untaught); f1 >= 30 || untaught >= limit {
				t.Errorf("%s scores F1 %.1f, and %.1f untaught", name, f1, untaught)
			}
		}
	}
	gains := map[string]float64{}
	for name, answers := range recorded {
		of := map[string]float64{}
		for way, pad := range paddings {
			of[way] = model.f1(traces, func(i, j int, h []trace.Event) (tasks []string) {
				for _, task := range answers[i][j].Tasks {
					tasks = append(tasks, pad(task, h))
				}
				return tasks
			})
		}
		t.Logf("%s: F1 %.1f; twice %.1f, filler %.1f, inside %.1f, event %.1f", name, of[""], of["twice"], of["filler"], of["inside"], of["event"])
		if of[""] <= most {
			t.Errorf("%s scores %.1f, and a trick %.1f", name, of[""], most)
		}
		for way := range paddings {
			gains[way] += (of[way] - of[""]) / float64(len(recorded))
		}
	}
	for way, gain := range gains {
		if t.Logf("padded %s: %+.1f on average", way, gain); gain > 0 {
			t.Errorf("tasks padded %q gain %.1f points on average", way, gain)
		}
	}
}

// TestWordsAloneWinNothing is the same in a small world, whose offers have a topic of the
// event in them and must stay welcome.
func TestWordsAloneWinNothing(t *testing.T) {
	o := quick(options(1))
	model, _, err := Train(t.Context(), world(1, 24, 15, truth), o)
	if err != nil {
		t.Fatal(err)
	}
	right, accepted := 0, map[string]int{}
	r, n := rand.New(rand.NewPCG(1, 2)), 0
	for _, row := range world(9, 12, 15, truth) {
		if row.Task == nil || !row.Accepted {
			continue
		}
		s, event := model.Scorer(), last(row.History)
		n++
		right += index(s.Score(row.History, row.Task).Accepted)
		for name, task := range map[string]string{
			"echo": madeup.Echo(event), "shuffled": madeup.Shuffled(r, event), "constant": madeup.Constant,
			"event": *row.Task + ". " + event, "twice": *row.Task + ". " + *row.Task + ". And more of everything.",
		} {
			v := s.Score(row.History, &task)
			accepted[name] += index(v.Accepted)
			if plain := s.Score(row.History, row.Task).Score; name == "twice" && v.Score > plain {
				t.Errorf("%q scores %v, and said twice with more of everything %v", *row.Task, plain, v.Score)
			}
		}
	}
	t.Logf("of %d right offers %d accepted; of made-up ones %v", n, right, accepted)
	if 10*right < 8*n {
		t.Errorf("of %d right offers the model accepts %d", n, right)
	}
	for name, got := range accepted {
		if name != "twice" && 10*got > 3*n {
			t.Errorf("%s: %d of %d accepted", name, got, n)
		}
	}
}
