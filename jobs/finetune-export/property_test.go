package finetuneexport

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/seed"
	"github.com/gymline/gymline/internal/trace"
)

// randomEpisodes makes n episodes of scenes with up to three sessions. Texts
// come from a small stock, so that duplicates happen.
func randomEpisodes(r *rand.Rand, n int) []trace.Episode {
	var list []trace.Episode
	for len(list) < n {
		scene := fmt.Sprintf("scene-%05d", len(list))
		for session := range 1 + r.IntN(3) {
			e := trace.Episode{Scene: scene, End: "goal", Simulated: r.IntN(8) == 0}
			e.ID = fmt.Sprintf("%s/%d", scene, session)
			for turn := range r.IntN(7) {
				x := trace.Turn{Event: trace.Event{Time: fmt.Sprint(turn), Text: fmt.Sprintf("The user does %d.", r.IntN(3))}, Proposals: []string{}}
				for range r.IntN(3) {
					x.Proposals = append(x.Proposals, fmt.Sprintf("Do %d", r.IntN(4)))
				}
				if r.IntN(5) > 0 {
					score := 0.123456
					x.Judgement = &trace.Judgement{Accepted: r.IntN(2) == 0, Score: &score, Reason: []string{"", "since"}[r.IntN(2)]}
					if r.IntN(2) == 0 {
						need := r.IntN(2) == 0
						x.Judgement.HelpNeeded = &need
					}
					if k := len(x.Proposals); k > 0 && x.Judgement.Accepted {
						task := r.IntN(k)
						x.Judgement.Task = &task
					}
				}
				e.Turns = append(e.Turns, x)
			}
			list = append(list, e)
		}
	}
	return list[:n]
}

func jsonl[T any](t *testing.T, list []T) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, v := range list {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(data, '\n'))
	}
	return b.Bytes()
}

func TestEveryRowIsAccountedFor(t *testing.T) {
	for i := range uint64(6) {
		r := seed.New(i, "property")
		list := randomEpisodes(r, 6+r.IntN(25))
		p := params()
		p.Candidates, p.Validation, p.MaxHistory = 2, float64(r.IntN(6))/10, r.IntN(4)
		half := len(list) / 2
		res := mustRun(t, p, jsonl(t, list[:half]), jsonl(t, list[half:]))
		validate(t, res)
		m := manifest(t, res)

		planned, byScene := 0, map[string]map[string]bool{}
		for _, e := range list {
			n := len(e.Judged())
			planned += n
			if n > 0 {
				byScene[e.Scene] = map[string]bool{}
			}
			for _, turn := range e.Turns {
				if turn.Judgement == nil {
					planned++
				}
			}
		}
		counts := map[string]*rows.Counts{}
		for _, row := range decode[rows.Row](t, res.Output(t, plan.RowsOutput)) {
			set, _, _ := strings.Cut(row.ID, "/")
			if counts[set] == nil {
				counts[set] = &rows.Counts{}
			}
			if err := counts[set].Add(row); err != nil {
				t.Error(err)
			}
		}
		for _, s := range m.Sets {
			c := counts[s.Name]
			if c.Planned != planned || c.Accepted+c.Rejected+c.Failed+c.Truncated != planned || c.Yields != c.Accepted+c.Truncated {
				t.Errorf("seed %d: %s: %d rows ended as %+v", i, s.Name, planned, c)
			}
			if got := s.Rows; got.Planned != c.Planned || got.Yields != c.Yields || !maps.Equal(got.Causes, c.Causes) {
				t.Errorf("seed %d: %s: manifest %+v, ledger %+v", i, s.Name, s.Rows, c)
			}
			if n := written(s, train) + written(s, validation); n != c.Yields {
				t.Errorf("seed %d: %s: %d rows by class, %d by ledger", i, s.Name, n, c.Yields)
			}
			seen := map[string]bool{}
			for _, f := range m.Files {
				if f.Set != s.Name || f.Split == "" {
					continue
				}
				if f.Rows != written(s, f.Split) {
					t.Errorf("seed %d: %s has %d rows, want %d", i, f.Path, f.Rows, written(s, f.Split))
				}
				if f.Trainer != "trl" || f.Family != "qwen2.5" {
					continue
				}
				for line := range strings.Lines(string(res.Output(t, f.Path))) {
					if seen[line] {
						t.Errorf("seed %d: %s: a row is there twice, or in both splits", i, f.Path)
					}
					seen[line] = true
				}
			}
		}
		traces := map[string]int{}
		for _, line := range decode[traceLine](t, res.Output(t, tracesFile)) {
			scene, _, _ := strings.Cut(line.Trace, "/")
			byScene[scene][line.Split] = true
			traces[line.Split]++
		}
		for scene, splits := range byScene {
			if len(splits) != 1 {
				t.Errorf("seed %d: %s is in the splits %v", i, scene, splits)
			}
		}
		if traces[train] == 0 || (p.Validation > 0) != (traces[validation] > 0) {
			t.Errorf("seed %d: validation %g gives %v", i, p.Validation, traces)
		}
	}
}

// TestShardsDoNotMatter: the same episodes in one shard or three give the same bytes.
func TestShardsDoNotMatter(t *testing.T) {
	list := randomEpisodes(seed.New(3, "shards"), 20)
	p := params()
	p.Candidates = 2
	one := mustRun(t, p, jsonl(t, list))
	three := mustRun(t, p, jsonl(t, list[:5]), jsonl(t, list[5:6]), jsonl(t, list[6:]))
	for _, name := range names(one) {
		if !bytes.Equal(one.Output(t, name), three.Output(t, name)) {
			t.Errorf("%s differs", name)
		}
	}
}

// TestFamiliesDoNotMatter: a family's files are the same alone and beside others,
// whose rows are the same from the start, up to some row, or from no row on.
func TestFamiliesDoNotMatter(t *testing.T) {
	shared, parted := 0, 0
	for i := range uint64(8) {
		r := seed.New(i, "families")
		list := randomEpisodes(r, 30)
		for range i % 4 { // space that one family's template trims
			if turns := list[r.IntN(len(list))].Turns; len(turns) > 0 {
				turns[r.IntN(len(turns))].Event.Text += " "
			}
		}
		p := params()
		p.Candidates = 2
		all := mustRun(t, p, jsonl(t, list))
		for _, family := range p.Families {
			p.Families = []string{family}
			alone := mustRun(t, p, jsonl(t, list))
			for _, name := range names(alone) {
				if strings.Contains(name, "/") && !bytes.Equal(alone.Output(t, name), all.Output(t, name)) {
					t.Errorf("seed %d: %s differs beside other families", i, name)
				}
			}
		}
		for _, name := range names(all) {
			if rest, ok := strings.CutPrefix(name, "trl/llama3.1/"); ok && strings.HasSuffix(name, ".jsonl") {
				if bytes.Equal(all.Output(t, name), all.Output(t, "trl/qwen2.5/"+rest)) {
					shared++
				} else {
					parted++
				}
			}
		}
	}
	if shared == 0 || parted == 0 {
		t.Errorf("%d files are the same for both families, and %d are not: choose other seeds", shared, parted)
	}
}

// TestMoreDataMovesNothing: a trace keeps its split when others are added.
func TestMoreDataMovesNothing(t *testing.T) {
	list := randomEpisodes(seed.New(4, "more"), 40)
	p := params()
	p.Candidates = 2
	split := func(n int) map[string]string {
		m := map[string]string{}
		for _, line := range decode[traceLine](t, mustRun(t, p, jsonl(t, list[:n])).Output(t, tracesFile)) {
			m[line.Trace] = line.Split
		}
		return m
	}
	few, many := split(25), split(40)
	if !slices.Contains(slices.Collect(maps.Values(few)), validation) {
		t.Fatal("no trace is held out; choose another seed")
	}
	for id, s := range few {
		if many[id] != s {
			t.Errorf("%s moved from %s to %s", id, s, many[id])
		}
	}
}

func TestSplits(t *testing.T) {
	unit := func(scene, id string) *session { return &session{source: trace.Gym, group: scene, trace: id} }
	draws := map[string]float64{"gym/a": 0.05, "gym/b": 0.5, "gym/c": 0.95, "gym/a/0": 0.7, "gym/a/1": 0.6}
	for _, c := range []struct {
		name  string
		share float64
		in    []*session
		want  string // v or t for each
	}{
		{"by draw", 0.1, []*session{unit("a", "a/0"), unit("b", "b/0"), unit("c", "c/0")}, "vtt"},
		{"a scene's sessions stay together", 0.1, []*session{unit("a", "a/0"), unit("a", "a/1"), unit("c", "c/0")}, "vvt"},
		{"the lowest draw where none is low enough", 0.1, []*session{unit("b", "b/0"), unit("c", "c/0")}, "vt"},
		{"the highest draw stays where all are low", 0.99, []*session{unit("a", "a/0"), unit("b", "b/0"), unit("c", "c/0")}, "vvt"},
		{"one scene is split by session", 0.1, []*session{unit("a", "a/0"), unit("a", "a/1")}, "tv"},
		{"one trace is for training", 0.9, []*session{unit("a", "a/0")}, "t"},
		{"no share, no validation", 0, []*session{unit("a", "a/0"), unit("b", "b/0")}, "tt"},
	} {
		p := newSplits(c.share, func(unit string) float64 { return draws[unit] })
		for _, s := range c.in {
			if !p.add(s) {
				t.Fatalf("%s: %s twice", c.name, s.trace)
			}
		}
		p.settle()
		got := ""
		for _, s := range c.in {
			got += p.of(s)[:1]
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if n := p.counts(); n[train] != strings.Count(c.want, "t") || n[validation] != strings.Count(c.want, "v") {
			t.Errorf("%s: counts %v", c.name, n)
		}
	}
}
