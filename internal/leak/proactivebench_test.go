package leak

import (
	"context"
	"io"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/trace"
)

// A folder is one of ProactiveBench's.
type folder string

func (d folder) Open(_ context.Context, path string) (io.ReadCloser, error) {
	return os.Open(filepath.Join(string(d), path))
}

func (d folder) List(dir string) (paths []string) {
	entries, _ := os.ReadDir(filepath.Join(string(d), dir))
	for _, e := range entries {
		if !e.IsDir() {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths
}

func (d folder) ReadAhead(_ context.Context, names []string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, name := range names {
			if !yield(os.ReadFile(filepath.Join(string(d), name))) {
				return
			}
		}
	}
}

func (d folder) traces(t *testing.T, dir string) []trace.Trace {
	t.Helper()
	traces, err := trace.ReadBenchmark(t.Context(), d, dir)
	if err != nil {
		t.Fatal(err)
	}
	return traces
}

// proactiveBench is the real data, or the test is skipped where it is not.
func proactiveBench(t *testing.T) folder {
	t.Helper()
	dir := os.Getenv("GYMLINE_PROACTIVEBENCH")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data", "proactivebench")
	}
	if _, err := os.Stat(filepath.Join(dir, "test_data")); err != nil {
		t.Skipf("no ProactiveBench data: %v", err)
	}
	return folder(dir)
}

// The figures of docs/curation.md: what of ProactiveBench's gym is in its benchmark.
func TestInputsOfProactiveBench(t *testing.T) {
	data := proactiveBench(t)
	traces := data.traces(t, "test_data")
	in, err := Read(func(f plan.File) ([]byte, error) { return os.ReadFile(filepath.Join(string(data), f.Path)) },
		plan.GymInputs{Scenes: &plan.File{Input: "pb", Path: "scenes.yaml"}, Seeds: &plan.File{Input: "pb", Path: "seedtask.yaml"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		similarity     float64
		samples, found int // sample events that are alike, and events of the benchmark
		examples       int
	}{{1, 106, 97, 2}, {0.8, 111, 103, 3}, {Similarity, 144, 134, 14}} {
		gate := New(traces, want.similarity)
		list := gate.Count(in)
		s, e := list[0], list[1]
		if len(gate.Events()) != 233 || s.Texts != 168 || s.Alike != want.samples || s.Events != want.found || s.Same != 97 || e.Events != want.examples || e.Same != 2 {
			t.Errorf("at %v: %+v and %+v, want %+v", want.similarity, s, e, want)
		}
		if gate.Unfinished() != 0 {
			t.Errorf("at %v: %d searches were given up", want.similarity, gate.Unfinished())
		}
		out, err := gate.Guard(Drop, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, left := range gate.Count(out) {
			if left.Alike != 0 {
				t.Errorf("at %v, after dropping: %+v", want.similarity, left)
			}
		}
	}
}

// What the recordings word otherwise than the benchmark is found, and few events of one
// trace are taken for those of another.
func TestRewordingsOfProactiveBench(t *testing.T) {
	data := proactiveBench(t)
	traces := data.traces(t, "test_data")
	type at struct{ trace, time string }
	texts := map[at]string{}
	for _, tr := range traces {
		for _, turn := range tr.Turns {
			texts[at{tr.ID, turn.Event.Time}] = turn.Event.Text
		}
	}
	type pair struct{ event, reworded string }
	pairs := map[pair]bool{}
	for _, model := range []string{"gpt-4o", "gpt-4o-mini", "llama3.1-8b", "qwen2-7b"} {
		for _, tr := range data.traces(t, "traces/"+model) {
			for _, turn := range tr.Turns {
				if event, ok := texts[at{tr.ID, turn.Event.Time}]; ok && event != turn.Event.Text {
					pairs[pair{event, turn.Event.Text}] = true
				}
			}
		}
	}
	for _, want := range []struct {
		similarity    float64
		found, chance int
	}{{0.8, 5, 3}, {Similarity, 26, 5}, {0.4, 32, 5}} {
		found := 0
		for p := range pairs {
			one := []trace.Trace{{ID: "x", Turns: []trace.Turn{{Event: trace.Event{Text: p.event}}}}}
			if _, ok := New(one, want.similarity).Find(p.reworded); ok {
				found++
			}
		}
		chance := 0
		for i := range traces {
			others := New(append(append([]trace.Trace(nil), traces[:i]...), traces[i+1:]...), want.similarity)
			for _, turn := range traces[i].Turns {
				if _, ok := others.Find(turn.Event.Text); ok {
					chance++
				}
			}
		}
		if len(pairs) != 45 || found != want.found || chance != want.chance {
			t.Errorf("at %v: %d of %d re-wordings, and %d of 233 events by chance; want %+v", want.similarity, found, len(pairs), chance, want)
		}
	}
}
