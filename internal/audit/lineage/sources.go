package lineage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/leak"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/seed"
	"github.com/gymline/gymline/internal/trace"
)

// scenes are where the gym's scenes come from.
type scenes struct {
	params   plan.Generate
	finished []trace.Scene // of the file, in their order
	lines    []int         // that they begin on
	seeds    []trace.SeedDomain
	rand     func(path ...string) *rand.Rand
	ends     []int // by shard: how many sessions are planned to its end
}

// A source is what a scene was made of.
type source struct {
	file plan.File
	line int
	how  string // scene, seed or sample
	text string
}

// gym reads the files of seeds and scenes, once; nil where the run has no gym.
func (v *View) gym(ctx context.Context) (*scenes, error) {
	s := v.step(plan.JobGenerate)
	if s == nil || v.scenes != nil {
		return v.scenes, nil
	}
	p, err := params[plan.Generate](s, 0)
	if err != nil {
		return nil, err
	}
	g := &scenes{params: p, rand: func(path ...string) *rand.Rand {
		return seed.New(v.run.Plan.Seed, append([]string{string(s.Name)}, path...)...)
	}}
	in, err := leak.Read(func(f plan.File) ([]byte, error) { return v.read(ctx, f) }, p.Inputs())
	if err == nil && p.Leaks != nil {
		in, err = v.guarded(ctx, p.Leaks, in)
	}
	if err != nil {
		return nil, err
	}
	g.finished, g.lines, g.seeds = in.Scenes, in.Lines, in.Seeds
	total := (len(g.finished) + g.written()) * p.Sessions
	for shard := range s.Shards { // as the job shares them out, in whole scenes
		g.ends = append(g.ends, total/max(p.Sessions, 1)*(shard+1)/len(s.Shards)*p.Sessions)
	}
	v.scenes = g
	return g, nil
}

// guarded is what went into the gym, as far as it was let.
func (v *View) guarded(ctx context.Context, p *plan.Leaks, in leak.Inputs) (leak.Inputs, error) {
	t, err := v.tree(ctx, p.Benchmark.Input)
	if err != nil {
		return in, err
	}
	traces, err := trace.ReadBenchmark(ctx, t, p.Benchmark.Path)
	if err != nil {
		return in, err
	}
	return leak.New(traces, p.Similarity).Guard(p.Do, in)
}

func (v *View) read(ctx context.Context, f plan.File) ([]byte, error) {
	t, err := v.tree(ctx, f.Input)
	if err != nil {
		return nil, err
	}
	return t.ReadFile(ctx, f.Path)
}

func (g *scenes) written() int {
	if g.params.Seeds == nil {
		return 0
	}
	return g.params.Count
}

// of is what a scene was made of.
func (g *scenes) of(scene int) (list []source) {
	if scene < len(g.finished) {
		return []source{{*g.params.Scenes, g.lines[scene], "scene", g.finished[scene].User.Goal}}
	}
	pick := trace.PickSeed(g.seeds, scene-len(g.finished), g.rand)
	d := &g.seeds[pick.Domain]
	list = append(list, source{*g.params.Seeds, d.TaskLines[pick.Task], "seed", d.Tasks[pick.Task]})
	events := slices.Clone(pick.Events)
	slices.Sort(events)
	for _, k := range events {
		list = append(list, source{*g.params.Seeds, d.EventLines[k], "sample event", d.Events[k]})
	}
	return list
}

// origins names them, each once.
func (g *scenes) origins(scene int) (list []string) {
	for _, s := range g.of(scene) {
		if p := place(s.file, s.line); !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

// from finds the scenes that were made of a line of a file, or of any where line is 0, by
// index; what each is to it is how it was made.
func (g *scenes) from(f plan.File, line int) (how map[int]string, text string) {
	how = map[int]string{}
	for i := range len(g.finished) + g.written() {
		for _, s := range g.of(i) {
			if s.file == f && (line == 0 || s.line == line) && how[i] == "" {
				how[i] = "written from its " + s.how
				if s.how == "scene" {
					how[i] = "is its scene"
				}
				if line != 0 {
					text = s.text
				}
			}
		}
	}
	return how, text
}

// sceneNamed splits the name of a scene, session, turn or verdict: scene-00003/2/4.1.
// What is not there is -1.
func sceneNamed(name string) (scene, session, turn int, ok bool) {
	rest, ok := strings.CutPrefix(name, "scene-")
	if !ok {
		return 0, 0, 0, false
	}
	parts := [3]int{-1, -1, -1}
	for i, part := range strings.SplitN(rest, "/", 3) {
		if i == 2 {
			part, _, _ = strings.Cut(part, ".")
		}
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return 0, 0, 0, false
		}
		parts[i] = n
	}
	return parts[0], parts[1], parts[2], true
}

func sceneID(i int) string { return fmt.Sprintf("scene-%05d", i) }

// shardOf is the shard of generate that played a session or wrote a scene.
func (v *View) shardOf(ctx context.Context, name string) (int, error) {
	g, err := v.gym(ctx)
	if err != nil {
		return 0, err
	}
	scene, session, _, ok := sceneNamed(name)
	if g != nil && ok && session < g.params.Sessions {
		n := scene*g.params.Sessions + max(session, 0)
		if i := slices.IndexFunc(g.ends, func(end int) bool { return n < end }); i >= 0 {
			return i, nil
		}
	}
	return 0, v.none(name, fmt.Sprintf("see 'gymline sessions %s'", v.run.ID))
}

// people are the rows of a folder of reward data.
type people struct {
	file plan.File // the folder
	rows map[string]personRow
	ids  map[string][]string // by trace, in the file's order
}

// A personRow is where a row stands in its trace.
type personRow struct {
	trace string
	turn  int
}

// rewardData reads ProactiveBench's rows, once.
func (v *View) rewardData(ctx context.Context, f plan.File) (*people, error) {
	if p := v.people[f]; p != nil {
		return p, nil
	}
	t, err := v.tree(ctx, f.Input)
	if err != nil {
		return nil, err
	}
	p := &people{file: f, rows: map[string]personRow{}, ids: map[string][]string{}}
	err = trace.ReadRewardData(ctx, t.Part(f.Path), f.Path, func(r trace.RewardRow) error {
		p.rows[r.ID] = personRow{r.Judged.Trace, len(r.Judged.History) - 1}
		if r.Cause == "" && r.Judged.Split != "test" {
			p.ids[r.Judged.Trace] = append(p.ids[r.Judged.Trace], r.ID)
		}
		return nil
	})
	v.people[f] = p
	return p, err
}

// before are the rows of a row's trace whose turn is not later.
func (p *people) before(id string) (list []string) {
	row := p.rows[id]
	for _, other := range p.ids[row.trace] {
		if other != id && p.rows[other].turn <= row.turn {
			list = append(list, other)
		}
	}
	return list
}

// line is a row's line: train_data.jsonl:12.
func (p *people) line(id string) (plan.File, int) {
	f, line, _ := personNamed(id)
	return plan.File{Input: p.file.Input, Path: path.Join(p.file.Path, "reward_data", f)}, line
}

// personNamed splits the name of a row of reward data.
func personNamed(id string) (file string, line int, ok bool) {
	file, n, _ := strings.Cut(id, ":")
	line, err := strconv.Atoi(n)
	return file, line, err == nil && line > 0 && (file == "train_data.jsonl" || file == "test_data.jsonl")
}

// peopleOf is the folder of reward data that a step reads, nil where it reads none.
func peopleOf(s *run.Step) (*plan.File, error) {
	switch {
	case s == nil:
	case s.Job == plan.JobExport:
		p, err := params[plan.Export](s, 0)
		return p.ProactiveBench, err
	case s.Job == plan.JobReward:
		p, err := params[plan.Reward](s, 0)
		return p.ProactiveBench, err
	case s.Job == plan.JobAnchors:
		p, err := params[plan.Anchors](s, 0)
		return &p.Data, err
	}
	return nil, nil
}

// eventLines are the lines of a trace's events in its file, none where it has none.
func (v *View) eventLines(ctx context.Context, dir plan.File, id string) (plan.File, []int, error) {
	f, data, err := v.traceFile(ctx, dir, id)
	if err != nil || data == nil {
		return f, nil, err
	}
	lines, err := trace.EventLines(f.String(), data)
	return f, lines, err
}

// traceFile reads the file of a trace right in a folder; no data where there is none.
func (v *View) traceFile(ctx context.Context, dir plan.File, id string) (plan.File, []byte, error) {
	f := plan.File{Input: dir.Input, Path: path.Join(dir.Path, id+".json")}
	t, err := v.tree(ctx, dir.Input)
	if err != nil {
		return f, nil, err
	}
	for _, p := range t.List(dir.Path) {
		if trace.IsTrace(p) && trace.FileID(p) == id {
			f.Path = p
			data, err := t.ReadFile(ctx, p)
			return f, data, err
		}
	}
	return f, nil, nil
}

// answerLines are the lines of the recorded answers to a trace's events, by turn; 0 where
// there is none.
func (v *View) answerLines(ctx context.Context, benchmark, recorded plan.File, id string) (plan.File, []int, error) {
	f, data, err := v.traceFile(ctx, recorded, id)
	if err != nil || data == nil {
		return f, nil, err
	}
	t, err := v.tree(ctx, benchmark.Input)
	if err != nil {
		return f, nil, err
	}
	traces, err := trace.ReadBenchmark(ctx, t, benchmark.Path)
	if err != nil {
		return f, nil, err
	}
	i := slices.IndexFunc(traces, func(t trace.Trace) bool { return t.ID == id })
	if i < 0 {
		return f, nil, errors.New("the benchmark has no trace " + id)
	}
	lines, err := trace.AnswerLines(f.String(), data, traces[i].Turns)
	return f, lines, err
}

// lineAt is a turn's line, 0 where it is not known.
func lineAt(lines []int, turn int) int {
	if turn < len(lines) {
		return lines[turn]
	}
	return 0
}
