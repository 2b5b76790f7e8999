package lineage

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

// A subject is what a target names.
type subject struct {
	kind string
	name string // as ledgers have it: of a row without its set, of an answer with its candidate
	set  string // of a row
	file plan.File
	line int // of an input; 0: all of the file

	step   *run.Step // of an answer, a checkpoint and an artifact
	shard  int
	output string // of an artifact
	answer answer
}

// An answer is one that a candidate gave.
type answer struct {
	candidate, trace string
	turn, repeat     int
}

func (a answer) id() string {
	return trace.AnswerID(a.candidate, trace.TurnID(a.trace, a.turn), a.repeat)
}

// resolve finds what a target names: a checkpoint, a file of an input, an output of a
// step, or a row of a ledger.
func (v *View) resolve(ctx context.Context, target string) (*subject, error) {
	target = strings.TrimPrefix(target, string(v.run.ID)+"/")
	if name, ok := strings.CutPrefix(target, Checkpoint+"/"); ok {
		s := v.named(plan.TrainStep(name))
		if s == nil {
			return nil, v.none(target, v.has())
		}
		return &subject{kind: Checkpoint, name: name, step: s}, nil
	}
	if s, err := v.input(ctx, target); s != nil || err != nil {
		return s, err
	}
	if s, err := v.output(ctx, target); s != nil || err != nil {
		return s, err
	}
	return v.row(target)
}

// input is a target INPUT/PATH or INPUT/PATH#LINE, nil where it is none.
func (v *View) input(ctx context.Context, target string) (*subject, error) {
	name, rest, _ := strings.Cut(target, "/")
	if _, ok := v.run.Plan.Inputs[name]; !ok {
		return nil, nil
	}
	t, err := v.tree(ctx, name)
	if err != nil {
		return nil, err
	}
	p, at, numbered := rest, "", false
	if i := strings.LastIndexByte(rest, '#'); i >= 0 && len(t.Files(rest)) == 0 {
		p, at, numbered = rest[:i], rest[i+1:], true
	}
	files := t.Files(p)
	if len(files) != 1 || files[0].Path != p {
		return nil, nil
	}
	s := &subject{kind: Input, file: plan.File{Input: name, Path: p}}
	if s.line, err = strconv.Atoi(at); numbered && (err != nil || s.line < 1) {
		return nil, v.none(target, "a line is a number from 1, as in "+s.file.String()+"#12")
	}
	return s, nil
}

// output is a target STEP[/SHARD]/OUTPUT[#ROW], nil where it is none.
func (v *View) output(ctx context.Context, target string) (*subject, error) {
	name, rest, ok := strings.Cut(target, "/")
	step := v.named(store.StepName(name))
	if step == nil || !ok {
		return nil, nil
	}
	shard, given := 0, false
	if n, after, ok := strings.Cut(rest, "/"); ok {
		if i, err := strconv.Atoi(n); err == nil {
			if i < 0 || i >= len(step.Shards) {
				return nil, v.none(target, fmt.Sprintf("%s has %d shards", name, len(step.Shards)))
			}
			shard, rest, given = i, after, true
		}
	}
	output, row, numbered := strings.Cut(rest, "#")
	if _, err := v.artifact(step, shard, output); err != nil {
		if step.Shards[shard].Record == nil {
			return nil, err
		}
		return nil, nil // it may be a row of a set that is called as a step is
	}
	if numbered {
		return v.within(ctx, step, shard, given, output, row)
	}
	switch {
	case step.Job == plan.JobTrain:
		return &subject{kind: Checkpoint, name: plan.TrainingOf(step.Name), step: step}, nil
	case step.Job == plan.JobReward && output == plan.ModelOutput:
		return &subject{kind: RewardModel, step: step}, nil
	case step.Job == plan.JobExport && output == plan.ManifestOutput:
		return &subject{kind: Export, step: step}, nil
	}
	return &subject{kind: Artifact, step: step, shard: shard, output: output}, nil
}

// within is a row of an output, by its number or its name.
func (v *View) within(ctx context.Context, step *run.Step, shard int, given bool, output, row string) (*subject, error) {
	if step.Job == plan.JobEvaluate {
		return v.score(row)
	}
	n, err := strconv.Atoi(row)
	if err != nil {
		return v.row(row)
	}
	if set, split, ok := v.dataFile(output); ok && step.Job == plan.JobExport {
		return v.exportedAt(ctx, set, split, n)
	}
	if !given && len(step.Shards) > 1 {
		return nil, v.none(fmt.Sprintf("%s/%s#%s", step.Name, output, row), fmt.Sprintf("a row's number is of one shard: %s/0/%s#%s", step.Name, output, row))
	}
	var head struct {
		ID        string `json:"id"`
		Candidate string `json:"candidate"`
	}
	err = v.lines(ctx, step, shard, output, func(i int, line []byte) error {
		if i != n {
			return nil
		}
		if err := json.Unmarshal(line, &head); err != nil {
			return err
		}
		return errStop
	})
	if err != nil {
		return nil, err
	}
	if head.ID == "" {
		return nil, v.none(fmt.Sprintf("%s/%d/%s#%d", step.Name, shard, output, n), "a row has a name, as rows.jsonl has them; give that")
	}
	return v.row(head.ID)
}

// score is a candidate's.
func (v *View) score(candidate string) (*subject, error) {
	if !slices.Contains(v.candidates(), candidate) {
		return nil, v.none(candidate, "its candidates are "+strings.Join(v.candidates(), ", "))
	}
	return &subject{kind: Score, name: candidate, step: v.step(plan.JobEvaluate)}, nil
}

// candidates are those of the run, in the experiment's order.
func (v *View) candidates() (names []string) {
	for _, p := range v.predictions() {
		if !slices.Contains(names, p.params.Candidate.Name) {
			names = append(names, p.params.Candidate.Name)
		}
	}
	return names
}

// A prediction is a shard of predict: a candidate's pass over the benchmark.
type prediction struct {
	step   *run.Step
	shard  int
	params plan.Predict
	serves store.StepName // the training whose checkpoint it waits for, or ""
}

func (v *View) predictions() (list []prediction) {
	s := v.step(plan.JobPredict)
	if s == nil {
		return nil
	}
	for shard := range s.Shards {
		p, err := params[plan.Predict](s, shard)
		if err != nil {
			continue // the plan's digest is checked: no other gymline's
		}
		x := prediction{s, shard, p, ""}
		for _, in := range s.Of(shard).Also {
			x.serves = in.Step
		}
		list = append(list, x)
	}
	return list
}

// row is a target that a row ledger names.
func (v *View) row(name string) (*subject, error) {
	if s := v.step(plan.JobExport); s != nil {
		p, err := params[plan.Export](s, 0)
		if err != nil {
			return nil, err
		}
		set, id, ok := strings.Cut(name, "/")
		_, _, _, gym := sceneNamed(id)
		_, _, person := personNamed(id)
		if ok && slices.Contains(p.Sets, set) && (gym || person) {
			return &subject{kind: Row, set: set, name: id, step: s}, nil
		}
	}
	if scene, session, turn, ok := sceneNamed(name); ok && v.step(plan.JobGenerate) != nil {
		kind := Turn
		if turn < 0 {
			kind = Session
		}
		if session < 0 {
			kind, name = Scene, sceneID(scene)
		} else {
			name, _, _ = strings.Cut(name, ".") // of one of several offers
		}
		return &subject{kind: kind, name: name}, nil
	}
	if _, _, ok := personNamed(name); ok {
		for _, job := range []string{plan.JobExport, plan.JobReward} {
			f, err := peopleOf(v.step(job))
			if err != nil {
				return nil, err
			}
			if f != nil {
				p := people{file: *f}
				file, line := p.line(name)
				return &subject{kind: Input, file: file, line: line}, nil
			}
		}
	}
	return v.answered(name)
}

// answered is the answer to an event of the benchmark: CANDIDATE/TRACE/TURN[#REPEAT].
func (v *View) answered(name string) (*subject, error) {
	for _, p := range v.predictions() {
		rest, ok := strings.CutPrefix(name, p.params.Candidate.Name+"/")
		if !ok {
			continue
		}
		rest, again, _ := strings.Cut(rest, "#")
		repeat, _ := strconv.Atoi(again)
		slash := strings.LastIndexByte(rest, '/')
		if slash < 0 || repeat != p.params.Repeat {
			continue
		}
		number, _, _ := strings.Cut(rest[slash+1:], ".")
		turn, err := strconv.Atoi(number)
		if err != nil || turn < 0 {
			continue
		}
		a := answer{p.params.Candidate.Name, rest[:slash], turn, repeat}
		return &subject{kind: Answer, name: a.id(), step: p.step, shard: p.shard, answer: a}, nil
	}
	return nil, v.none(name, v.has())
}

// has says what can be asked for.
func (v *View) has() string {
	var list []string
	if s := v.step(plan.JobExport); s != nil {
		list = append(list, "agent/scene-00000/0/0, finetune-export/"+plan.RowsOutput+"#1")
	}
	if v.step(plan.JobGenerate) != nil {
		list = append(list, "scene-00000/0/0")
	}
	if c := v.candidates(); len(c) > 0 {
		list = append(list, "evaluate/"+plan.MetricsOutput+"#"+c[0])
	}
	for i := range v.run.Steps {
		if v.run.Steps[i].Job == plan.JobTrain {
			list = append(list, Checkpoint+"/"+plan.TrainingOf(v.run.Steps[i].Name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.run.Plan.Inputs)) {
		list = append(list, name+"/FILE#LINE")
	}
	return "such as " + strings.Join(list, ", ") + "; docs/audit.md has all forms"
}
