package lineage

import (
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/trace"
)

// fromInput tells of what was made of a file of an input, or of a line of it.
func (w *walk) fromInput(ctx context.Context, of string, s *subject) error {
	used := false
	g, err := w.gym(ctx)
	if err != nil {
		return err
	}
	if g != nil {
		if how, _ := g.from(s.file, s.line); len(how) > 0 {
			used = true
			if err := w.gymRows(ctx, of, &selection{scenes: how}); err != nil {
				return err
			}
		}
	}
	people, err := w.fromPeople(ctx, of, s)
	if err != nil {
		return err
	}
	answered, err := w.fromBenchmark(ctx, of, s)
	if err != nil {
		return err
	}
	if !used && !people && !answered && s.line > 0 {
		return w.none(place(s.file, s.line), "nothing was made of that line alone; ask for the line that a task, event, scene, row or entry begins on, or for "+s.file.String())
	}
	return nil
}

// fromPeople tells of what was made of rows of reward data.
func (w *walk) fromPeople(ctx context.Context, of string, s *subject) (used bool, err error) {
	written := false
	f, err := peopleOf(w.step(plan.JobExport))
	if err != nil {
		return false, err
	}
	if id := w.personID(f, s); id != "" {
		used = true
		if written, err = w.personRows(ctx, of, s, *f, id); err != nil {
			return used, err
		}
	}
	if f, err = peopleOf(w.step(plan.JobReward)); err != nil {
		return used, err
	}
	learned := false
	if id := w.personID(f, s); id != "" {
		used = true
		learned, err = w.judges(ctx, func(row string) bool {
			file, _, ok := personNamed(row)
			return ok && (s.line > 0 && row == id || s.line == 0 && file == id)
		})
		if err != nil {
			return used, err
		}
	}
	return used, w.after(ctx, of, 1, written, learned)
}

// personID names the row that a line of a file of reward data is, or the file where all
// of it is meant; "" of any other file.
func (w *walk) personID(dir *plan.File, s *subject) string {
	if dir == nil || !inFolder(s.file, plan.File{Input: dir.Input, Path: path.Join(dir.Path, "reward_data")}) {
		return ""
	}
	id := path.Base(s.file.Path)
	if _, _, ok := personNamed(id + ":1"); !ok {
		return ""
	}
	if s.line > 0 {
		id = fmt.Sprintf("%s:%d", id, s.line)
	}
	return id
}

// personRows tells of the export's rows of a row of reward data: its own and those that
// show it in their history.
func (w *walk) personRows(ctx context.Context, of string, s *subject, dir plan.File, id string) (written bool, err error) {
	p, err := w.rewardData(ctx, dir)
	if err != nil {
		return false, err
	}
	me, known := p.rows[id]
	if s.line > 0 && !known {
		return false, w.none(place(s.file, s.line), "the file has no such row")
	}
	err = w.exported(ctx, func(x *exported) error {
		file, _, ok := personNamed(x.id)
		how := ""
		switch other := p.rows[x.id]; {
		case !ok || x.line == 0:
		case s.line == 0 && file == id, x.id == id:
			how = "row of"
		case s.line > 0 && x.set == agentSet && me.trace != "" && other.trace == me.trace && other.turn >= me.turn:
			how = "has it in its history"
		}
		if how == "" {
			return ctx.Err()
		}
		written = true
		n, err := w.rowNode(ctx, x, true)
		if err != nil {
			return err
		}
		return w.link(of, 1, how, n)
	})
	return written, err
}

// fromBenchmark tells of the answers to a trace of the benchmark, or of those that a
// file has recorded, and of their scores.
func (w *walk) fromBenchmark(ctx context.Context, of string, s *subject) (used bool, err error) {
	id := trace.FileID(s.file.Path)
	var told []string
	for _, x := range w.predictions() {
		if x.step.Shards[x.shard].Record == nil {
			continue
		}
		var lines []int
		first, all := 0, s.line == 0
		if inFolder(s.file, x.params.Benchmark) && trace.IsTrace(s.file.Path) {
			_, lines, err = w.eventLines(ctx, x.params.Benchmark, id)
		} else if r := x.params.Candidate.Recorded; r != nil && inFolder(s.file, *r) {
			_, lines, err = w.answerLines(ctx, x.params.Benchmark, *r, id)
		}
		if err != nil {
			return used, err
		}
		if !all {
			first = slices.Index(lines, s.line)
		}
		if first < 0 || lines == nil {
			continue
		}
		used = true
		last := first
		if all || inFolder(s.file, x.params.Benchmark) {
			last = len(lines) - 1 // later answers have the event in their history
		}
		if err := w.answers(ctx, of, 1, x, id, first, last); err != nil {
			return used, err
		}
		told = append(told, x.params.Candidate.Name)
	}
	for i, name := range told {
		if i > 0 && told[i-1] == name {
			continue
		}
		if err := w.scoreOf(ctx, of, 1, "counted in", name); err != nil {
			return used, err
		}
	}
	return used, w.compared(ctx, of, s)
}

// compared tells of the steps that leave out rows which are like the benchmark.
func (w *walk) compared(ctx context.Context, of string, s *subject) error {
	for _, job := range []string{plan.JobCurate, plan.JobExport} {
		step := w.step(job)
		if step == nil || step.Shards[0].Record == nil {
			continue
		}
		var benchmark *plan.File
		if job == plan.JobCurate {
			p, err := params[plan.Curate](step, 0)
			if err != nil {
				return err
			}
			benchmark = p.Benchmark
		} else {
			p, err := params[plan.Export](step, 0)
			if err != nil {
				return err
			}
			benchmark = p.Benchmark
		}
		if benchmark == nil || !inFolder(s.file, *benchmark) || !trace.IsTrace(s.file.Path) {
			continue
		}
		n, err := w.at(ctx, Artifact, step, 0, plan.RowsOutput, "")
		if err != nil {
			return err
		}
		if err := w.link(of, 1, "rows that share its events are left out in", n); err != nil {
			return err
		}
	}
	return nil
}
